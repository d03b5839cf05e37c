import type { Analysis, DeclinedPart, Group, Structure } from '../contract/contract.js'
import { WHOLE_MODEL } from '../contract/whole-model.js'
import { withoutFactors } from './factors.js'
import { kindOfUnits } from './unit-kinds.js'

/** What a structure finds in a model, and all that is left alone, with the reason. */
export interface FoundGroups {
  readonly groups: readonly Group[]
  /** What the structure declines; for structures that mask, the weights that are not eligible too; for structures that cut, what may have hidden some of their kind. */
  readonly declined: readonly DeclinedPart[]
}

/** Asks a structure for its groups. Nothing that could be pruned is passed over without a reason in `declined`. */
export function findGroups({ name, kind, find }: Structure, analysis: Analysis): FoundGroups {
  const { groups, declined } = find(analysis)
  if (kind !== 'cut') {
    const more = entries(analysis.notEligible, name)
    if (groups.length + declined.length + more.length > 0) return { groups, declined: [...declined, ...more] }
    return { groups, declined: entries([NO_WEIGHT], name) }
  }
  const cuttable = withoutFactors(groups, name)
  const refusals = [...declined, ...cuttable.declined]
  const listed = new Set([...groups, ...refusals].map(({ id }) => id))
  const unseen = unseenIn(analysis, listed)
  if (listed.size > 0) return { groups: cuttable.groups, declined: [...refusals, ...entries(unseen, name)] }
  const hidden = [...unseen, ...analysis.notEligible.filter(({ byUser }) => !byUser)]
  return { groups: [], declined: entries(unseen.length > 0 ? hidden : [...otherKinds(analysis), ...hidden], name) }
}

interface Reason {
  readonly id: string
  readonly reason: string
}

function entries(list: readonly Reason[], structure: string): readonly DeclinedPart[] {
  return list.map(({ id, reason }) => ({ id, structure, reason }))
}

/** Where the analysis ends, and weights of which it is not known for that reason what their units are: any structure may have lost something there. */
function unseenIn({ coupled, obstacles }: Analysis, listed: ReadonlySet<string>): readonly Reason[] {
  const groups = coupled.filter(({ id, unseen }) => unseen && !listed.has(id))
  if (groups.length === 0) return []
  const weights = [...new Set(groups.flatMap(({ slices }) => slices.filter(({ scored }) => scored).map(({ id }) => id)))]
  const reason =
    obstacles.length > 0 ? 'what its units are is not known: the search for what goes together ends there' : groups[0]!.held!
  return [...obstacles, { id: several(weights), reason }]
}

const several = ([first, ...others]: readonly string[]) => (others.length === 0 ? first! : `${first} and ${others.length} more`)

/** Everything that the graph couples is of another kind. */
function otherKinds({ coupled }: Analysis): readonly Reason[] {
  const kinds = new Map<string, number>()
  for (const kind of coupled.map(kindOfUnits)) if (kind !== undefined) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  const counts = [...kinds].map(([kind, count]) => `${kind} (${count})`)
  if (counts.length > 0) return [{ id: WHOLE_MODEL, reason: `nothing of its kind; what weights make here: ${counts.join('; ')}` }]
  const held = coupled.find((group) => group.held !== undefined)?.held
  return held === undefined ? [NO_WEIGHT] : [{ id: WHOLE_MODEL, reason: `nothing of its kind: ${held}` }]
}

const NO_WEIGHT: Reason = { id: WHOLE_MODEL, reason: 'no operator in it multiplies with a constant weight' }

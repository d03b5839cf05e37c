import type { Analysis, Declined, Group, Structure } from '../contract/contract.js'

/** What a structure finds in a model, and all that is left alone, with the reason. */
export interface FoundGroups {
  readonly groups: readonly Group[]
  /** What the structure declines, and for structures that mask the weights that are not eligible; where a structure that cuts finds nothing at all, what may have hidden it. */
  readonly declined: readonly Declined[]
}

/** Asks a structure. Nothing that could be pruned is passed over without a reason in `declined`. */
export function findGroups({ name, kind, find }: Structure, analysis: Analysis): FoundGroups {
  const { groups, declined } = find(analysis)
  const { notEligible, obstacles } = analysis
  if (kind !== 'cut') return { groups, declined: [...declined, ...entries(notEligible, name)] }
  if (groups.length + declined.length > 0) return { groups, declined }
  return { groups, declined: entries([...obstacles, ...notEligible.filter(({ byUser }) => !byUser)], name) }
}

function entries(list: readonly { readonly id: string; readonly reason: string }[], structure: string): readonly Declined[] {
  return list.map(({ id, reason }) => ({ id, structure, reason }))
}

import { blamed, type Members, type PluginOrigin, pluginFault, refuseStray } from '@pare/onnx'
import type {
  Analysis,
  DeclinedPart,
  Findings,
  Group,
  MaskGroup,
  OwnPattern,
  Pattern,
  PatternProblem,
  Permuting,
  Structure,
} from '../contract/contract.js'
import { shown } from './guard-criterion.js'
import { isGuarded, withMembers } from './with-members.js'

/** The structure, with everything that it finds checked against the contract: what is wrong is told as its fault. */
export function guardStructure(structure: Structure, origin: PluginOrigin): Structure {
  if (isGuarded(structure)) return structure
  const { kind = 'mask' } = structure
  if (!KINDS.includes(kind)) throw pluginFault(origin, { problem: `its kind is ${shown(kind)}`, expected: KINDS.join(' or ') })
  refuseStray(origin, { what: 'it', value: structure, members: STRUCTURE })
  refuseStray(origin, { what: 'permute', value: structure.permute, members: PERMUTING })
  return withMembers(structure, {
    find(analysis) {
      const before = idsOf(analysis)
      const findings = blamed(origin, 'find', () => structure.find(analysis))
      if (idsOf(analysis) !== before)
        throw pluginFault(origin, { problem: 'find changed the analysis that it was given', expected: 'a list of its own' })
      checkFindings(findings, { analysis, kind, origin })
      return { ...findings, groups: guardedGroups(findings.groups, { isFixed: structure.sparsity !== undefined, origin }) }
    },
  })
}

const STRUCTURE: Members<Structure> = {
  ...{ name: true, kind: true, sparsity: true, pattern: true, permute: true, find: true },
}
const PERMUTING: Members<Permuting> = { operations: true, seconds: true }
const FINDINGS: Members<Findings> = { groups: true, declined: true }
const MASK_GROUP: Members<MaskGroup> = { kind: true, id: true, weight: true, pattern: true }
const DECLINED: Members<DeclinedPart> = { id: true, structure: true, reason: true }
const PATTERN_MEMBERS: { readonly [Kind in Pattern['kind']]: Members<Extract<Pattern, { readonly kind: Kind }>> } = {
  free: { kind: true },
  nm: { kind: true, n: true, m: true },
  tile: { kind: true, rows: true, columns: true },
  own: { kind: true, keep: true },
}

const KINDS: readonly string[] = ['mask', 'cut']

const idsOf = ({ graph, weights, coupled, blocks, parts }: Analysis) =>
  JSON.stringify([
    ...[weights, coupled, blocks, parts].map((all) => all.map(({ id }) => id)),
    graph.nodes.map(({ name, op, inputs, outputs }) => [name, op, inputs, outputs]),
    [graph.inputs, graph.outputs, graph.initializers].map((all) => all.map(({ name }) => name)),
  ])

interface Finding {
  readonly analysis: Analysis
  readonly kind: 'mask' | 'cut'
  readonly origin: PluginOrigin
}

function checkFindings(findings: Findings, finding: Finding): void {
  const { origin } = finding
  const { groups, declined } = (findings ?? {}) as Partial<Findings>
  if (!Array.isArray(groups) || !Array.isArray(declined))
    throw pluginFault(origin, { problem: `find gave ${shown(findings)}`, expected: '{ groups: […], declined: […] }' })
  refuseStray(origin, { what: 'what find gave', value: findings, members: FINDINGS })
  checkGroups(groups as readonly Group[], finding)
  for (const part of declined as readonly DeclinedPart[]) {
    if (typeof part?.id !== 'string' || typeof part?.reason !== 'string' || part.reason === '')
      throw pluginFault(origin, {
        problem: `find declined ${shown(part)}`,
        expected: 'an id and a reason that the user can read',
      })
    refuseStray(origin, { what: `what find declined, '${part.id}',`, value: part, members: DECLINED })
  }
}

function checkGroups(groups: readonly Group[], { analysis, kind, origin }: Finding): void {
  const fault = (group: Group, problem: string, expected: string) =>
    pluginFault(origin, { problem: `find gave a group '${group?.id}' ${problem}`, expected })
  const weights = new Set(analysis.weights.map(({ id }) => id))
  const units = new Map([...analysis.coupled, ...analysis.blocks, ...analysis.parts].map((group) => [group.id, group.units]))
  const ids = new Set<string>()
  for (const group of groups) {
    if (typeof group?.id !== 'string') throw fault(group, `without an id: ${shown(group)}`, 'a text that is the same every time')
    if (ids.has(group.id)) throw fault(group, 'twice', 'an id of its own for each')
    ids.add(group.id)
    if ((group.kind === 'mask') !== (kind === 'mask'))
      throw fault(
        group,
        `of kind '${group.kind}'`,
        kind === 'mask' ? "'mask', as the structure's kind is," : 'one of analysis.coupled, analysis.blocks or analysis.parts',
      )
    if (group.kind !== 'mask') {
      if (units.get(group.id) !== group.units)
        throw fault(group, 'of its own making', 'one of analysis.coupled, analysis.blocks or analysis.parts')
      continue
    }
    if (!weights.has(group.weight?.id)) throw fault(group, 'with a weight of its own making', 'one of analysis.weights')
    refuseStray(origin, { what: `group '${group.id}'`, value: group, members: MASK_GROUP })
    checkPattern(group, origin)
  }
}

function checkPattern({ id, pattern }: MaskGroup, origin: PluginOrigin): void {
  if (!PATTERNS.includes(pattern?.kind))
    throw pluginFault(origin, {
      problem: `find gave a group '${id}' with the pattern ${shown(pattern)}`,
      expected: `a kind of ${PATTERNS.join(', ')}`,
    })
  refuseStray(origin, { what: `the pattern of group '${id}'`, value: pattern, members: PATTERN_MEMBERS[pattern.kind] })
}

/** The groups, with what patterns of the structure's own choose checked. */
function guardedGroups(
  groups: readonly Group[],
  { isFixed, origin }: { readonly isFixed: boolean; readonly origin: PluginOrigin },
): readonly Group[] {
  const guards = new Map<OwnPattern['keep'], OwnPattern>()
  return groups.map((group) => {
    if (group.kind !== 'mask' || group.pattern.kind !== 'own') return group
    const { keep } = group.pattern
    if (guards.size > 0 && !guards.has(keep))
      throw pluginFault(origin, {
        problem: `find gave group '${group.id}' another pattern of its own than the groups before it`,
        expected: 'the same object for all',
      })
    const pattern = guards.get(keep) ?? {
      kind: 'own',
      keep: (problem) => keptBy(group.pattern as OwnPattern, problem, { isFixed, origin }),
    }
    guards.set(keep, pattern)
    return { ...group, pattern }
  })
}

/** What a pattern keeps of a weight: of a fixed sparsity, as many as it does. */
function keptBy(
  pattern: OwnPattern,
  problem: PatternProblem,
  { isFixed, origin }: { readonly isFixed: boolean; readonly origin: PluginOrigin },
): Uint8Array {
  const { weight, rows, columns, zeros } = problem
  const fault = (problem: string, expected: string) =>
    pluginFault(origin, { problem: `keep gave '${weight.id}' ${problem}`, expected })
  const kept: unknown = blamed(origin, 'keep', () => pattern.keep(problem))
  if (!(kept instanceof Uint8Array) || kept.length !== rows * columns)
    throw fault(kept instanceof Uint8Array ? `${kept.length} numbers` : shown(kept), `a Uint8Array of ${rows * columns}`)
  let going = 0
  for (let i = 0; i < kept.length; i++) {
    if (kept[i]! > 1) throw fault(`${kept[i]} at element ${i}`, '1 where it stays and 0 where it goes')
    going += 1 - kept[i]!
  }
  if (!isFixed && going > zeros) throw fault(`${going} zeros`, `at most ${zeros}`)
  return kept
}

const PATTERNS = Object.keys(PATTERN_MEMBERS) as readonly Pattern['kind'][]

import { blamed, type PluginOrigin, pluginFault } from '@pare/onnx'
import type { Analysis, Findings, Group, Pattern, Structure } from '../contract/contract.js'
import { shown } from './guard-criterion.js'
import { isGuarded, withMembers } from './with-members.js'

/** The structure, with everything that it finds checked against the contract: what is wrong is told as its fault. */
export function guardStructure(structure: Structure, origin: PluginOrigin): Structure {
  if (isGuarded(structure)) return structure
  const { kind = 'mask' } = structure
  if (!KINDS.includes(kind)) throw pluginFault(origin, { problem: `its kind is ${shown(kind)}`, expected: KINDS.join(' or ') })
  return withMembers(structure, {
    find(analysis) {
      const before = idsOf(analysis)
      const findings = blamed(origin, 'find', () => structure.find(analysis))
      if (idsOf(analysis) !== before)
        throw pluginFault(origin, { problem: 'find changed the analysis that it was given', expected: 'a list of its own' })
      checkFindings(findings, { analysis, kind, origin })
      return findings
    },
  })
}

const KINDS: readonly string[] = ['mask', 'cut']

const idsOf = ({ weights, coupled, blocks, parts }: Analysis) =>
  JSON.stringify([weights, coupled, blocks, parts].map((all) => all.map(({ id }) => id)))

interface Finding {
  readonly analysis: Analysis
  readonly kind: 'mask' | 'cut'
  readonly origin: PluginOrigin
}

function checkFindings(findings: Findings, { analysis, kind, origin }: Finding): void {
  const { groups, declined } = (findings ?? {}) as Partial<Findings>
  if (!Array.isArray(groups) || !Array.isArray(declined))
    throw pluginFault(origin, { problem: `find gave ${shown(findings)}`, expected: '{ groups: […], declined: […] }' })
  const fault = (group: Group, problem: string, expected: string) =>
    pluginFault(origin, { problem: `find gave a group '${group?.id}' ${problem}`, expected })
  const weights = new Set(analysis.weights.map(({ id }) => id))
  const units = new Map([...analysis.coupled, ...analysis.blocks, ...analysis.parts].map((group) => [group.id, group.units]))
  const ids = new Set<string>()
  for (const group of groups as readonly Group[]) {
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
    if (!PATTERNS.includes(group.pattern?.kind))
      throw fault(group, `with the pattern ${shown(group.pattern)}`, `a kind of ${PATTERNS.join(', ')}`)
  }
  const unsaid = declined.find((one) => typeof one?.id !== 'string' || typeof one?.reason !== 'string' || one.reason === '')
  if (unsaid !== undefined)
    throw pluginFault(origin, {
      problem: `find declined ${shown(unsaid)}`,
      expected: 'an id and a reason that the user can read',
    })
}

const PATTERNS: readonly Pattern['kind'][] = ['free', 'nm', 'tile']

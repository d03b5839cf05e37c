import { PareError } from '@pare/onnx'
import type { Scope } from '../contract/contract.js'
import type { PruneStep } from '../plan/plan.js'

/** What limits the choice; each is described at PruneStep. */
export interface UnitLimits {
  readonly scope: Scope
  readonly minUnits: number
  readonly multipleOf: number
  readonly uniform: boolean
}

/** The limits that a step sets. Throws PareError where one makes no sense. */
export function limitsOf({ scope = 'group', minUnits = 1, multipleOf = 1, uniform = false }: PruneStep): UnitLimits {
  if (scope === 'row' || scope === 'tensor') {
    throw new PareError(`scope '${scope}' ranks elements, and units are ranked by 'group' or 'global'.`, {
      hint: 'leave --scope out, or say --scope global.',
    })
  }
  for (const [name, option, value] of [
    ['minUnits', '--min-units', minUnits],
    ['multipleOf', '--multiple-of', multipleOf],
  ] as const) {
    if (Number.isSafeInteger(value) && value > 0) continue
    throw new PareError(`${name} is ${value}; a whole number from 1 on was expected.`, { hint: `for example: ${option} 8` })
  }
  return { scope, minUnits, multipleOf, uniform }
}

/** What only structures that cut can follow is refused where elements are masked. */
export function refuseUnitOptions({ structure, scope, norm, minUnits, multipleOf, uniform }: PruneStep): void {
  if (scope === 'group') {
    throw new PareError(`scope 'group' ranks units, and structure '${structure.name}' masks elements.`, {
      hint: 'rank elements by --scope tensor, row or global, or cut units: --structure channel.',
    })
  }
  const settings = Object.entries({ norm, minUnits, multipleOf, uniform }).filter(([, value]) => value !== undefined)
  if (settings.length === 0) return
  throw new PareError(
    `${settings.map(([name, value]) => `${name} ${value}`).join(', ')}: that is for structures that cut units, and '${structure.name}' masks elements.`,
    { hint: 'leave it out, or cut units: --structure channel.' },
  )
}

import { type Members, PareError, strayMember } from '@pare/onnx'
import { BUDGETS } from '../choices.js'
import type { SearchOptions } from '../search/search-options.js'
import type { CountedAllocation, OwlOptions } from '../select/allocation.js'
import type { PresetStep, PruneStep } from './plan.js'

/** An object of a step, what messages call it, and which members it may have. */
export interface StepPart {
  readonly what: string
  readonly value: unknown
  readonly members: Readonly<Record<string, true>>
}

/** All objects of a step but its plugins. */
export function partsOfStep(step: PresetStep, what: string): readonly StepPart[] {
  const { target, allocation, calibrated } = step
  const parts: readonly (StepPart | undefined)[] = [
    { what, value: step, members: PRESET_STEP },
    target && { what: 'target', value: target, members: targetMembers(target) },
    calibrated && { what: 'calibrated', value: calibrated, members: CALIBRATED },
    ...(typeof allocation === 'object' ? allocationParts(allocation) : []),
  ]
  return parts.filter((part) => part !== undefined)
}

/** Throws PareError where a step says something that nobody reads. */
export function refuseStrayMembers(step: PruneStep): void {
  for (const { what, value, members } of partsOfStep(step, 'a step')) {
    const stray = strayMember(value, members)
    if (stray === undefined) continue
    throw new PareError(`${what} has a member '${stray.name}' (${stray.value}); ${stray.expected} was expected.`, {
      hint: 'correct it, or leave it out.',
    })
  }
}

const STEP: Members<PruneStep> = {
  ...{ structure: true, criterion: true, otherwise: true, target: true, scope: true, refit: true, allocation: true },
  ...{ normalize: true, sequential: true, norm: true, minUnits: true, multipleOf: true, uniform: true },
  ...{ include: true, exclude: true },
}
const PRESET_STEP: Members<PresetStep> = { ...STEP, calibrated: true }
const CALIBRATED: Members<NonNullable<PresetStep['calibrated']>> = { criterion: true, scope: true, norm: true }

const TARGETS = ['sparsity', 'threshold', 'ratio', ...BUDGETS]

/** A target is of one kind: besides the first one there is no other. */
function targetMembers(target: object): StepPart['members'] {
  const first = Object.keys(target).find((kind) => TARGETS.includes(kind))
  return Object.fromEntries((first === undefined ? TARGETS : [first]).map((kind) => [kind, true]))
}

const OWL: Members<OwlOptions['owl']> = { lambda: true, outlier: true }
const SEARCH: Members<SearchOptions> = { trials: true, minutes: true, levels: true, step: true }
const COUNTED: Members<CountedAllocation> = { counts: true, felt: true }

function allocationParts(allocation: object): readonly StepPart[] {
  const part = (members: StepPart['members']) => ({ what: 'allocation', value: allocation, members })
  if ('owl' in allocation) return [part({ owl: true }), { what: 'allocation.owl', value: allocation.owl, members: OWL }]
  if ('search' in allocation)
    return [part({ search: true }), { what: 'allocation.search', value: allocation.search, members: SEARCH }]
  if ('counts' in allocation) return [part(COUNTED)]
  return [part('curves' in allocation ? { curves: true } : { owl: true, search: true, curves: true })]
}

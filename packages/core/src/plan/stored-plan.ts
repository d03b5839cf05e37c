import type { UpdatedTensor, UpdateStep } from '../apply/update.js'
import type { Plan, PlanStep } from './plan.js'

/** A plan as its text has it: numbers that were computed stand in a file beside it, one tensor after another. */
export type StoredPlan = Omit<Plan, 'steps'> & { readonly steps: readonly (Exclude<PlanStep, UpdateStep> | StoredUpdate)[] }

type StoredUpdate = Omit<UpdateStep, 'tensors'> & {
  readonly tensors: readonly (Omit<UpdatedTensor, 'data'> & { readonly offset: number })[]
}

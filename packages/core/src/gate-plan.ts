import type { Model } from '@pare/onnx'
import { removalsOf } from './apply.js'
import { gated } from './dependency/gated.js'
import { findCoupling } from './dependency/groups.js'
import type { CutStep } from './plan.js'

/** The model with the units that a step cuts multiplied by 0 instead, where that is the same. The cut model must compute what this one does. */
export async function gatePlan(model: Model, step: CutStep): Promise<Model> {
  const coupling = await findCoupling(model)
  return gated(model, coupling.dependencies, removalsOf(step, coupling))
}

import { gateBlocks, gated } from '@pare/axes'
import type { Model } from '@pare/onnx'
import type { CutStep } from '../plan/plan.js'
import { removedUnits } from './removed-units.js'

/** The model with the units that a step cuts multiplied by 0 instead, where that is the same. The cut model must compute what this one does. */
export async function gatePlan(model: Model, step: CutStep): Promise<Model> {
  const { dependencies, removals, blocks } = await removedUnits(model, step)
  return gateBlocks(gated(model, dependencies, removals), blocks)
}

import type { Axis } from '@pare/axes'
import { findCoupling, keptPositions, orderAlong } from '@pare/axes'
import type { Model } from '@pare/onnx'
import { applyStep } from '../apply/apply.js'
import { removedUnits } from '../apply/removed-units.js'
import type { PlanStep } from '../plan/plan.js'

/** Where the positions of an axis of a value were in the reference. Undefined where the value's axes are not known. */
export type Origins = (value: string, axis: number) => Int32Array | undefined

/** Follows the steps of a plan back to the model it was made for. */
export async function originsOf(reference: Model, steps: readonly PlanStep[], seed: number): Promise<Origins> {
  const moves: Origins[] = []
  let current = reference
  for (const step of steps) {
    const move = await moved(current, step)
    if (move !== undefined) moves.push(move)
    current = await applyStep(current, step, { seed })
  }
  return (value, axis) => {
    const [last, ...before] = moves.map((move) => move(value, axis)).reverse()
    if (last === undefined || before.some((positions) => positions === undefined)) return undefined
    return before.reduce<Int32Array>((at, positions) => at.map((position) => positions![position]!), last)
  }
}

/** What one step does to positions. Undefined: nothing. */
async function moved(model: Model, step: PlanStep): Promise<Origins | undefined> {
  if (step.kind === 'cut') {
    const { dependencies, removals } = await removedUnits(model, step)
    return along(dependencies.values, (axis) => keptPositions(axis, removals))
  }
  if (step.kind !== 'permute') return undefined
  const { dependencies, atoms } = await findCoupling(model)
  const orders = new Map(step.groups.map(({ id, order }) => [atoms.get(id)!, Int32Array.from(order)]))
  return along(dependencies.values, (axis) => orderAlong(axis, orders))
}

function along(values: ReadonlyMap<string, readonly Axis[]>, positionsOf: (axis: Axis) => Int32Array): Origins {
  return (value, axis) => {
    const axes = values.get(value)
    const match = axes?.[axis < 0 ? axis + axes.length : axis]
    return match && positionsOf(match)
  }
}

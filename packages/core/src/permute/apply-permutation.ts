import type { Axis } from '@pare/axes'
import { findCoupling, heldInPlace, permute } from '@pare/axes'
import { type Model, PareError } from '@pare/onnx'
import { ANOTHER } from '../apply/removed-units.js'
import type { PermuteStep } from './step.js'

/** The model with units in the orders of the step. Throws PareError where it has other groups. */
export async function applyPermutation(model: Model, step: PermuteStep): Promise<Model> {
  const { dependencies, orders } = await ordersOf(model, step)
  return permute(model, dependencies, orders)
}

/** The orders of a step in terms of the graph. Throws PareError where the model has other groups. */
export async function ordersOf(model: Model, { groups }: PermuteStep) {
  const { dependencies, atoms } = await findCoupling(model)
  const held = heldInPlace(model, dependencies)
  const orders = new Map<Axis, Int32Array>()
  for (const { id, units, order } of groups) {
    const atom = atoms.get(id)
    if (atom?.size !== units) {
      const has = atom === undefined ? 'has no such group' : `has it with ${atom.size}`
      throw new PareError(`the plan permutes '${id}' with ${units} units, and this model ${has}.`, ANOTHER)
    }
    const why = held(atom)
    if (why !== undefined) throw new PareError(`the plan permutes '${id}', which is held: ${why}.`, ANOTHER)
    if (!isPermutation(order, units))
      throw new PareError(`the plan's order of '${id}' does not name each of its ${units} units once.`, ANOTHER)
    orders.set(atom, Int32Array.from(order))
  }
  return { dependencies, orders }
}

function isPermutation(order: readonly number[], units: number): boolean {
  return order.length === units && new Set(order).size === units && order.every((unit) => unit < units)
}

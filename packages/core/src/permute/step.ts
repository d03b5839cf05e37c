import { type Model, PareError } from '@pare/onnx'
import type { Axis } from '../dependency/axis.js'
import { findCoupling } from '../dependency/groups.js'
import { heldInPlace, permute } from '../dependency/permute.js'
import { ANOTHER } from '../removed-units.js'

/** Units change places, in all tensors that have them: the model computes the same, and its weights fit a pattern better. */
export interface PermuteStep {
  readonly kind: 'permute'
  readonly structure: string
  readonly criterion: string
  readonly groups: readonly PermutedGroup[]
}

export interface PermutedGroup {
  readonly id: string
  readonly units: number
  /** Unit order[i] comes to place i. */
  readonly order: readonly number[]
  /** Saliency that the pattern keeps of the weights that sum over these units, as a share of all their saliency. */
  readonly kept: { readonly before: number; readonly after: number }
  /** Why the search ended: nothing better was found, or as many pairs as allowed were tried, or the time was up. Only then may another run differ. */
  readonly ended: 'settled' | 'tries' | 'time'
}

export async function applyPermutation(model: Model, { groups }: PermuteStep): Promise<Model> {
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
  return permute(model, dependencies, orders)
}

function isPermutation(order: readonly number[], units: number): boolean {
  return order.length === units && new Set(order).size === units && order.every((unit) => unit < units)
}

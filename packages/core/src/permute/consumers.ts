import type { Dependencies } from '@pare/axes'
import { type Axis, atomsOf, unitsAlong } from '@pare/axes'
import { operatorName } from '@pare/onnx'
import type { Weight } from '../contract/contract.js'
import { channelsOf } from '../patterns/channels.js'

/** A weight that sums over units, and where among its input channels they lie: each run holds all of them, in order. */
export interface Consumer {
  readonly weight: Weight
  readonly runs: readonly number[]
}

/**
 * The weights that sum over the units of an atom. Undefined where blocks of m channels of one of them hold other channels too, or the units lie apart:
 * there an order cannot be judged by these units alone.
 */
export function consumersOf(
  atom: Axis,
  { weights, constants, m }: { weights: readonly Weight[]; constants: Dependencies['constants']; m: number },
): readonly Consumer[] | undefined {
  const consumers: Consumer[] = []
  for (const weight of weights) {
    // What sums over one element has no order, and its axes do not tell inputs from outputs.
    if (channelsOf(weight).channels === 1) continue
    const axis = constants.find(({ id }) => id === weight.id)?.axes[inputAxis(weight)]
    if (axis === undefined || !atomsOf(axis).has(atom)) continue
    // Stored in blocks: whole blocks change places, which mixes no block of m.
    if (axis.size !== weight.tensor.shape[inputAxis(weight)]) return undefined
    const runs = runsOf(axis, atom, m)
    if (runs === undefined) return undefined
    consumers.push({ weight, runs })
  }
  return consumers
}

/** Which axis of the tensor a weight sums over, positions of a kernel apart. */
function inputAxis({ tensor, uses, rows }: Weight): number {
  const operator = operatorName(uses[0]!.node)
  if (operator.endsWith('ConvTranspose')) return 0
  if (operator.endsWith('Conv')) return 1
  return tensor.shape.length - (rows.before > 1 ? 2 : 1)
}

function runsOf(axis: Axis, atom: Axis, m: number): number[] | undefined {
  const units = unitsAlong(axis, atom)
  const runs: number[] = []
  for (let at = 0; at < units.length; ) {
    if (units[at] === -1) {
      at++
      continue
    }
    for (let i = 0; i < atom.size; i++) if (units[at + i] !== i) return undefined
    runs.push(at)
    at += atom.size
  }
  const isWhole = runs.length === 1 && atom.size === units.length
  return isWhole || (atom.size % m === 0 && runs.every((start) => start % m === 0)) ? runs : undefined
}

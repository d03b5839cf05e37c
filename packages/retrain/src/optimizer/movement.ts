import type { Curve } from '../curves.js'
import { zerosOf } from '../graph/weights.js'
import { keyOf, lowestOf } from '../rank.js'
import type { Arena, PlacedTensor } from './arena.js'
import { sparsityAt } from './schedule.js'

/** Movement pruning (Sanh et al. 2020, arXiv 2005.07683): what moves away from zero while it is trained is kept. */
export interface MovementOptions {
  /** Which tensors: globs as for what is trained. Default: those with two axes or more */
  readonly include?: readonly string[]
  /** Where their sparsity goes. Absent: scores are measured, and nothing is masked. */
  readonly sparsity?: number
  /** How it goes there. Default: 'cubic' */
  readonly curve?: Curve
  /** Share of the steps after which the mask stays as it is. Default: 0.7 */
  readonly until?: number
  /** How many times the mask is chosen anew. Default: 20 */
  readonly times?: number
}

/** Scores S = −Σ w · g of the weights of some tensors, and masks by rank over all of them. */
export interface Movement {
  /** After gradients have come, before weights change. Masked weights have the value that they had when they were masked. */
  score(): void
  /** After `step` of `steps`: chooses the mask where it is time to. */
  select(step: number, steps: number): void
  /** Whether the mask stays as it is after `step` of `steps`: until then no weights are worth keeping. */
  isSettled(step: number, steps: number): boolean
}

/** The arena has the areas 'scores' and 'hidden'; the latter holds the values of weights that are masked for now. */
export function openMovement(arena: Arena, tensors: readonly PlacedTensor[], options: MovementOptions): Movement {
  const { sparsity, curve = 'cubic', until = 0.7, times = 20 } = options
  const own = tensors.map((tensor) => {
    const [weights, gradients, scores, hidden] = (['weights', 'gradients', 'scores', 'hidden'] as const).map((area) =>
      arena.view(tensor, area),
    ) as [Float32Array, Float32Array, Float32Array, Float32Array]
    return { tensor, weights, gradients, scores, hidden }
  })
  // What was masked before stays so.
  for (const { weights, scores } of own)
    for (let i = 0; i < scores.length; i++) if (weights[i] === 0) scores[i] = Number.NEGATIVE_INFINITY
  const elements = tensors.reduce((sum, { elements: each }) => sum + each, 0)
  const from = own.reduce((sum, { weights }) => sum + zerosOf(weights), 0) / Math.max(1, elements)
  const lastOf = (steps: number) => Math.max(1, Math.round(until * steps))
  return {
    isSettled: (step, steps) => sparsity === undefined || step >= lastOf(steps),
    score() {
      for (const { weights, gradients, scores, hidden } of own) {
        for (let i = 0; i < scores.length; i++) scores[i]! -= (weights[i]! + hidden[i]!) * gradients[i]!
      }
    },
    select(step, steps) {
      if (sparsity === undefined) return
      const last = lastOf(steps)
      const every = Math.max(1, Math.round(last / times))
      if (step > last || (step % every !== 0 && step !== last)) return
      const target = sparsityAt({ from: Math.min(from, sparsity), to: sparsity, steps: last, curve }, step)
      const { key, ties } = lowestOf(
        own.map(({ scores }) => scores),
        Math.round(target * elements),
      )
      let left = ties
      for (const each of own) left = mask(arena, each, { key, ties: left })
    },
  }
}

interface MovedTensor {
  readonly tensor: PlacedTensor
  readonly weights: Float32Array
  readonly scores: Float32Array
  readonly hidden: Float32Array
}

/** Masks what is among the lowest, and gives back its value to what is not any more. Gives the ties that are left. */
function mask(
  arena: Arena,
  { tensor, weights, scores, hidden }: MovedTensor,
  { key, ties }: { key: number; ties: number },
): number {
  const { maskBytes } = arena
  const bits = new Int32Array(scores.buffer, scores.byteOffset, scores.length)
  let left = ties
  for (let i = 0; i < bits.length; i++) {
    const own = keyOf(bits[i]!)
    const goes = own < key || (own === key && left > 0)
    if (own === key && left > 0) left--
    const at = tensor.first + i
    const bit = 1 << (at & 7)
    const isKept = (maskBytes[at >>> 3]! & bit) !== 0
    if (goes === !isKept) continue
    maskBytes[at >>> 3]! ^= bit
    if (goes) hidden[i] = weights[i]!
    weights[i] = goes ? 0 : hidden[i]!
    if (!goes) hidden[i] = 0
  }
  return left
}

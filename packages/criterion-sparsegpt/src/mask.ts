import type { WeightProblem } from '@pare/core'
import type { ColumnBlock, Stripe } from './block.js'
import { markLowest, type Rank, shareOf } from './ranks.js'
import { score } from './sweep.js'

/** Chooses what goes from the blocks of a stripe, which must come in order: in all blocks together exactly the zeros of each rank. */
export function masker(problem: WeightProblem, ranks: readonly Rank[], { from }: Stripe): (block: ColumnBlock) => void {
  const { weight, columns } = problem
  const states = ranks.map((rank) => ({
    rank,
    zeros: rank.zeros,
    left: (rank.to - rank.from) * columns,
    zeroLater: zerosIn(weight, rank.from * columns, rank.to * columns),
  }))
  return (block) => {
    for (const state of states) {
      const { rank } = state
      const [start, end] = [(rank.from - from) * block.size, (rank.to - from) * block.size]
      const zeroFlags = block.zeroFlags.subarray(start, end)
      const size = end - start
      const zeroHere = zeroFlags.reduce((sum, zero) => sum + zero, 0)
      state.zeroLater -= zeroHere
      const share = shareOf({ ...state, size, zeroHere })
      // What was zero from the beginning goes first, and so stays zero.
      const scores = new Float64Array(size)
      for (let i = 0; i < size; i++) scores[i] = zeroFlags[i] === 1 ? -1 : score(block, start + i)
      markLowest(scores, share, zeroFlags)
      state.zeros -= share
      state.left -= size
    }
  }
}

function zerosIn(weight: Float32Array, from: number, to: number): number {
  let zeros = 0
  for (let i = from; i < to; i++) if (weight[i] === 0) zeros++
  return zeros
}

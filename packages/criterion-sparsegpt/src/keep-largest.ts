import type { WeightProblem } from '@pare/core'
import { markLowest, ranksOf } from './ranks.js'
import { maskGroup } from './sweep.js'

/** The weight masked by Wanda's |w|·√(mean x²) (Sun et al. 2023, arXiv 2306.11695), without an update. What was zero stays zero and counts. */
export function keepLargest(problem: WeightProblem): Float32Array {
  const { weight, columns, stats } = problem
  const squares = Float64Array.from({ length: columns }, (_, j) => Math.max(0, stats.gram![j * columns + j]!))
  const zeroFlags = Uint8Array.from(weight, (w) => (w === 0 ? 1 : 0))
  const scores = Float64Array.from(weight, (w, i) => (w === 0 ? -1 : w * w * squares[i % columns]!))
  mask(problem, scores, zeroFlags)
  return weight.map((w, i) => (zeroFlags[i] === 1 ? 0 : w))
}

function mask(problem: WeightProblem, scores: Float64Array, zeroFlags: Uint8Array): void {
  const { rows, columns, pattern } = problem
  if (pattern.kind === 'nm') {
    for (let row = 0; row < rows; row++) {
      const end = (row + 1) * columns
      for (let first = row * columns; first < end; first += pattern.m)
        maskGroup(zeroFlags, (e) => scores[e]!, pattern, { first, end })
    }
    return
  }
  for (const { from, to, zeros } of ranksOf(problem, rows)) {
    const part = [from * columns, to * columns] as const
    markLowest(scores.subarray(...part), zeros, zeroFlags.subarray(...part))
  }
}

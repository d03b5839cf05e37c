import type { RoundingGrid, WeightProblem } from '@pare/core'
import { meanOfDiagonal } from '@pare/linear-algebra'
import type { Stripe } from './block.js'
import type { Factor } from './inverse.js'

export interface Descent extends Stripe {
  /** f32[rows × columns] on the grid, changed where that is better. */
  readonly codes: Float32Array
  /** f32[rows × columns]: the weight whose outputs are to be met. */
  readonly target: Float32Array
  /** f32[rows × blocks]: of the whole weight. */
  readonly scales: Float32Array
  readonly grid: RoundingGrid
  readonly damping: number
  /** How often each element is looked at, at most. */
  readonly passes: number
}

/**
 * Coordinate descent on rounded rows (QuantEase, Behdin et al. 2023, arXiv 2309.01885): element after element takes the code with the least error of the outputs, everything else as it is, until none changes.
 * Scales stay, zeros stay zeros, and the error Σ (q − t)ᵀ (G + λI) (q − t) never grows. With a target from before the weight was pruned, what is left also makes up for what went.
 * Costs rows · columns² operations, and columns more for each element that changes.
 */
export function descend({ weight, columns, stats }: WeightProblem, { rows, workspace }: Factor, descent: Descent): void {
  const { from, to, codes, target, scales, grid, damping, passes } = descent
  const gram = stats.gram!
  const ridge = damping * meanOfDiagonal(gram, columns)
  const width = grid.block ?? columns
  const blocks = Math.ceil(columns / width)
  const slopes = rows.data
  slopes.fill(0)
  const first = from * columns
  const off = Float64Array.from(codes.subarray(first, to * columns), (code, i) => target[first + i]! - code)
  workspace.subtractProduct(
    { matrix: rows, start: 0 },
    { data: off, start: 0, across: columns, along: 1, count: to - from, depth: columns },
    { data: gram, start: 0, across: 1, along: columns, count: columns, depth: columns },
  )
  for (let row = from; row < to; row++) {
    const [start, slope] = [row * columns, (row - from) * rows.stride]
    let changes = 1
    for (let pass = 0; pass < passes && changes > 0; pass++) {
      changes = 0
      for (let j = 0; j < columns; j++) {
        if (weight[start + j] === 0) continue
        const curvature = gram[j * (columns + 1)]! + ridge
        if (curvature === 0) continue
        const scale = scales[row * blocks + Math.floor(j / width)]!
        const value = codes[start + j]!
        const best = value - (slopes[slope + j]! + ridge * (value - target[start + j]!)) / curvature
        const next = onGrid(best / scale, scale, grid)
        // Of codes that are equally good the one that is there stays, also where f32 and f64 disagree.
        if (Math.abs(next - best) >= Math.abs(value - best) * (1 - NEARLY)) continue
        codes[start + j] = next
        changes++
        const step = next - value
        for (let k = 0, at = j * columns; k < columns; k++) slopes[slope + k]! += step * gram[at + k]!
      }
    }
  }
}

const NEARLY = 1e-6

/** The element of the grid that is nearest to a ratio of the scale, as f32. */
export function onGrid(ratio: number, scale: number, { least, most }: RoundingGrid): number {
  const code = Math.max(least, Math.min(most, Math.round(ratio)))
  return code === 0 ? 0 : Math.fround(code * scale)
}

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

/** Columns that are looked at before slopes of the others follow. */
const TOGETHER = 64
/** Of the elements of these columns, that slopes follow one by one: a product computes eight times as fast as a loop. */
const FEW = 1 / 8

/**
 * Coordinate descent on rounded rows (QuantEase, Behdin et al. 2023, arXiv 2309.01885): element after element takes the code with the least error of the outputs, everything else as it is, until none changes.
 * Scales stay, zeros stay zeros, and the error Σ (q − t)ᵀ (G + λI) (q − t) never grows. With a target from before the weight was pruned, what is left also makes up for what went.
 * Costs at most 2 · rows · columns² operations for each pass and once more, a fraction of that where few codes change.
 */
export function descend(problem: WeightProblem, factor: Factor, descent: Descent): void {
  const { columns, stats } = problem
  const { from, to, codes, target, passes } = descent
  const { rows: slopes, workspace } = factor
  const gram = stats.gram!
  /** slopes += steps · G, of some columns. */
  const follow = (steps: Float64Array, at: number, size: number) =>
    workspace.subtractProduct(
      { matrix: slopes, start: 0 },
      { data: steps.map((step) => -step), start: 0, across: size, along: 1, count: to - from, depth: size },
      { data: gram, start: at * columns, across: 1, along: columns, count: columns, depth: size },
    )
  slopes.data.fill(0)
  const start = from * columns
  follow(
    Float64Array.from(codes.subarray(start, to * columns), (code, i) => code - target[start + i]!),
    0,
    columns,
  )
  let changes = 1
  for (let pass = 0; pass < passes && changes > 0; pass++) {
    changes = 0
    for (let at = 0; at < columns; at += TOGETHER) {
      const size = Math.min(TOGETHER, columns - at)
      const { steps, count } = better(problem, slopes, descent, { at, size })
      changes += count
      if (count > FEW * steps.length) follow(steps, at, size)
      else
        for (const [i, step] of steps.entries()) {
          if (step === 0) continue
          const [slope, row] = [Math.floor(i / size) * slopes.stride, (at + (i % size)) * columns]
          for (let k = 0; k < columns; k++) slopes.data[slope + k]! += step * gram[row + k]!
        }
    }
  }
}

/** Changes codes of some columns. f64[rows × size]: by how much, and how many. */
function better(
  { weight, columns, stats }: WeightProblem,
  slopes: Factor['rows'],
  { from, to, codes, target, scales, grid, damping }: Descent,
  { at, size }: { readonly at: number; readonly size: number },
) {
  const gram = stats.gram!
  const ridge = damping * meanOfDiagonal(gram, columns)
  const width = grid.block ?? columns
  const blocks = Math.ceil(columns / width)
  const steps = new Float64Array((to - from) * size)
  const own = new Float64Array(size)
  let count = 0
  for (let row = from; row < to; row++) {
    const slope = (row - from) * slopes.stride + at
    own.set(slopes.data.subarray(slope, slope + size))
    for (let i = 0; i < size; i++) {
      const j = at + i
      const element = row * columns + j
      const curvature = gram[j * (columns + 1)]! + ridge
      if (weight[element] === 0 || curvature === 0) continue
      const scale = scales[row * blocks + Math.floor(j / width)]!
      const value = codes[element]!
      const best = value - (own[i]! + ridge * (value - target[element]!)) / curvature
      const next = onGrid(best / scale, scale, grid)
      // Of codes that are equally good the one that is there stays, also where f32 and f64 disagree.
      if (Math.abs(next - best) >= Math.abs(value - best) * (1 - NEARLY)) continue
      const step = next - value
      codes[element] = next
      steps[(row - from) * size + i] = step
      count++
      for (let k = 0; k < size; k++) own[k]! += step * gram[j * columns + at + k]!
    }
  }
  return { steps, count }
}

const NEARLY = 1e-6

/** The element of the grid that is nearest to a ratio of the scale, as f32. */
export function onGrid(ratio: number, scale: number, { least, most }: RoundingGrid): number {
  const code = Math.max(least, Math.min(most, Math.round(ratio)))
  return code === 0 ? 0 : Math.fround(code * scale)
}

import {
  checkGramProblem,
  dampingOption,
  defineCriterion,
  type OptionsOf,
  PareError,
  type RoundingGrid,
  type Solution,
  type Solver,
  threadsOption,
  type WeightProblem,
  z,
} from '@pare/core'
import { type ColumnBlock, closeBlock, loadRows, openBlock, type Stripe } from './block.js'
import { descend, onGrid } from './descent.js'
import { type Factor, factorOfInverse, openRoom, rowsAtATime } from './inverse.js'
import type { SparseGptSettings } from './settings.js'

export type GptqOptions = OptionsOf<typeof gptq>

/**
 * GPTQ (Frantar et al. 2022, arXiv 2210.17323, algorithm 1): column by column, each element becomes the nearest of its grid, and what rounding is off by is made up for by the
 * columns that follow, in the least-squares sense of the calibration data. Scales of blocks of columns are chosen for the weights as they are when the sweep reaches them: of the one that reaches the largest, and
 * some smaller ones, that with the least squared error (as the authors' code does). Zeros stay
 * zeros: what columns before would have added to them goes on to the next ones. Of a weight that is only masked, with the one before
 * that as its target, masking and rounding are made up for in one sweep. Then single codes are changed as long as that is better. Costs up to four times what SparseGPT does.
 */
export const gptq = defineCriterion({
  name: 'gptq',
  about:
    'Column by column, each element becomes the nearest of its grid, and the columns that follow make up for what rounding is off by (Frantar et al. 2022, arXiv 2210.17323, algorithm 1).',
  options: {
    damping: dampingOption(0.01),
    passes: z.int().min(0).default(4).describe('how often each code is looked at again, at most, once all are chosen'),
    threads: threadsOption,
  },
  create: ({ damping, passes, threads }): Omit<Solver, 'name'> => ({
    kind: 'solver',
    needs: { gram: { at: 'input', reduce: 'gram' } },
    scope: 'tensor',
    rounds: true,
    solve: (problem) => solve(problem, { damping, passes, block: BLOCK, threads, elements: GIBIBYTE, fallback: ROUNDED }),
  }),
})

const ROUNDED = { zero: 'rounded to the nearest', indefinite: 'rounded to the nearest' }

/** Columns that are swept before those behind them are updated. Blocks of all sizes end where these do. */
const BLOCK = 16
/** In elements of f64. */
const GIBIBYTE = 2 ** 27

interface GptqSettings extends SparseGptSettings {
  readonly passes: number
}

async function solve(problem: WeightProblem, settings: GptqSettings): Promise<Solution> {
  const { id, grid } = problem
  if (grid === undefined)
    throw new PareError(`gptq rounds weights and removes none: '${id}' has no grid.`, {
      hint: 'choose it for fewer bits: --quantise int4:rounding=gptq',
    })
  checkGramProblem('gptq', problem)
  await using workspace = await openRoom(problem, settings)
  const { factor, notes } = await factorOfInverse(problem, settings, workspace)
  if (!factor) return { weight: nearest(problem, grid), notes }
  const weight = await rounded(problem, grid, { factor, settings })
  if (weight) return { weight, notes }
  return { weight: nearest(problem, grid), notes: [...notes, 'the updated weights exceed f32: rounded to the nearest'] }
}

interface Rounding {
  readonly factor: Factor
  readonly settings: GptqSettings
}

/** f32[rows × columns] on the grid. Undefined where that is not finite in f32. */
async function rounded(
  problem: WeightProblem,
  grid: RoundingGrid,
  { factor, settings }: Rounding,
): Promise<Float32Array | undefined> {
  const { rows, columns, weight, target = weight, signal } = problem
  const { damping, passes } = settings
  const result = new Float32Array(rows * columns)
  const most = rowsAtATime(problem, settings)
  const width = grid.block ?? columns
  const blocks = Math.ceil(columns / width)
  const scales = new Float32Array(rows * blocks)
  // What is only masked has not been made up for yet; what a solver has left is nearer to the best there is than a sweep.
  const start = isMasked(weight, target) ? target : weight
  for (let from = 0; from < rows; from += most) {
    const stripe = { from, to: Math.min(rows, from + most) }
    loadRows({ ...problem, weight: start }, factor, stripe)
    for (let at = 0; at < columns; at += BLOCK) {
      const own = { scales, first: Math.floor(at / width), blocks }
      if (at % width === 0) scalesOf(problem, factor, { ...stripe, at, end: Math.min(columns, at + width), grid, ...own })
      const block = openBlock(problem, factor, stripe, at, Math.min(BLOCK, columns - at))
      sweep(block, grid, own)
      if (!closeBlock(block, factor, result, columns)) return undefined
      await new Promise((resolve) => setImmediate(resolve))
      signal?.throwIfAborted()
    }
    if (passes > 0) descend(problem, factor, { ...stripe, codes: result, target, scales, grid, damping, passes })
  }
  return result
}

/** Whether nothing but zeros tells a weight from what it was. */
function isMasked(weight: Float32Array, target: Float32Array): boolean {
  return weight.every((value, i) => value === 0 || value === target[i])
}

/** Scales of one block of columns. */
interface BlockScales {
  /** f32[rows × blocks] of the whole weight. */
  readonly scales: Float32Array
  /** Of the block, in a row. */
  readonly first: number
  /** Of a row. */
  readonly blocks: number
}

interface ScalesRequest extends Stripe, BlockScales {
  readonly at: number
  readonly end: number
  readonly grid: RoundingGrid
}

/** Writes them, of columns as they are now. Zeros have no say: columns before would only have moved them. */
function scalesOf({ weight, columns }: WeightProblem, { rows }: Factor, request: ScalesRequest): void {
  const { from, to, at, end, grid, scales, first, blocks } = request
  const values = new Float64Array(end - at)
  for (let row = from; row < to; row++) {
    let count = 0
    const start = (row - from) * rows.stride
    for (let j = at; j < end; j++) if (weight[row * columns + j] !== 0) values[count++] = rows.data[start + j]!
    scales[row * blocks + first] = bestScale(values.subarray(0, count), grid)
  }
}

/** Of a few around the one that reaches all values, the scale with the least squared error. */
function bestScale(values: Float64Array, grid: RoundingGrid): number {
  let largest = 0
  for (const value of values) if (Math.abs(value) > Math.abs(largest)) largest = value
  const whole = scaleOf(largest, grid)
  const best = { scale: whole, error: Infinity }
  // The further end may be on either side, where one is.
  const sides = grid.outermost < 0 ? [1, -1] : [1]
  for (const share of SHARES) {
    for (const side of sides) {
      const scale = Math.fround(whole * share * side)
      let error = 0
      for (const value of values) {
        const off = value - onGrid(value / scale, scale, grid)
        error += off * off
      }
      if (error < best.error) Object.assign(best, { scale, error })
    }
  }
  return best.scale
}

/** What is tried: rounding of many gets finer than clipping of few gets worse. */
const SHARES = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7]

function scaleOf(largest: number, { outermost }: RoundingGrid): number {
  if (largest === 0) return 1
  return outermost < 0 ? largest / outermost : Math.abs(largest) / outermost
}

/** Rounds the columns of a block one after another. rows · size² operations at most. */
function sweep(
  { from, rows, size, values, zeroFlags, errors, triangle }: ColumnBlock,
  grid: RoundingGrid,
  { scales, first, blocks }: BlockScales,
): void {
  for (let row = 0; row < rows; row++) {
    const start = row * size
    const scale = scales[(from + row) * blocks + first]!
    for (let i = 0; i < size; i++) {
      const line = i * size
      const value = values[start + i]!
      const kept = zeroFlags[start + i] === 1 ? 0 : onGrid(value / scale, scale, grid)
      const error = (value - kept) / triangle[line + i]!
      errors[start + i] = error
      values[start + i] = kept
      if (error === 0) continue
      for (let j = i + 1; j < size; j++) values[start + j]! -= error * triangle[line + j]!
    }
  }
}

/** Each element the nearest of its grid. */
export function nearest({ weight, rows, columns }: WeightProblem, grid: RoundingGrid): Float32Array {
  const result = new Float32Array(weight.length)
  const width = grid.block ?? columns
  for (let row = 0; row < rows; row++)
    for (let at = 0; at < columns; at += width) {
      const end = Math.min(columns, at + width)
      const own = weight.subarray(row * columns + at, row * columns + end)
      const scale = Math.fround(
        scaleOf(
          own.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0),
          grid,
        ),
      )
      for (let j = 0; j < own.length; j++) {
        result[row * columns + at + j] = onGrid(own[j]! / scale, scale, grid)
      }
    }
  return result
}

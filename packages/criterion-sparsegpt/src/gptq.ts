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
} from '@pare/core'
import { type ColumnBlock, closeBlock, loadRows, openBlock, type Stripe } from './block.js'
import { type Factor, factorOfInverse, openRoom, rowsAtATime } from './inverse.js'
import type { SparseGptSettings } from './settings.js'

export type GptqOptions = OptionsOf<typeof gptq>

/**
 * GPTQ (Frantar et al. 2022, arXiv 2210.17323, algorithm 1): column by column, each element becomes the nearest of its grid, and what rounding is off by is made up for by the
 * columns that follow, in the least-squares sense of the calibration data. Scales of blocks of columns are chosen for the weights as they are when the sweep reaches them: of the one that reaches the largest, and
 * some smaller ones, that with the least squared error (as the authors' code does). Zeros stay
 * zeros: what columns before would have added to them goes on to the next ones. Costs what SparseGPT does.
 */
export const gptq = defineCriterion({
  name: 'gptq',
  about:
    'Column by column, each element becomes the nearest of its grid, and the columns that follow make up for what rounding is off by (Frantar et al. 2022, arXiv 2210.17323, algorithm 1).',
  options: { damping: dampingOption(0.01), threads: threadsOption },
  create: ({ damping, threads }): Omit<Solver, 'name'> => ({
    kind: 'solver',
    needs: { gram: { at: 'input', reduce: 'gram' } },
    scope: 'tensor',
    rounds: true,
    solve: (problem) => solve(problem, { damping, block: BLOCK, threads, elements: GIBIBYTE, fallback: ROUNDED }),
  }),
})

const ROUNDED = { zero: 'rounded to the nearest', indefinite: 'rounded to the nearest' }

/** Columns that are swept before those behind them are updated. Blocks of all sizes end where these do. */
const BLOCK = 16
/** In elements of f64. */
const GIBIBYTE = 2 ** 27

async function solve(problem: WeightProblem, settings: SparseGptSettings): Promise<Solution> {
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
  readonly settings: SparseGptSettings
}

/** f32[rows × columns] on the grid. Undefined where that is not finite in f32. */
async function rounded(
  problem: WeightProblem,
  grid: RoundingGrid,
  { factor, settings }: Rounding,
): Promise<Float32Array | undefined> {
  const { rows, columns, signal } = problem
  const result = new Float32Array(rows * columns)
  const most = rowsAtATime(problem, settings)
  const width = grid.block ?? columns
  const scales = new Float32Array(Math.min(rows, most))
  for (let from = 0; from < rows; from += most) {
    const stripe = { from, to: Math.min(rows, from + most) }
    loadRows(problem, factor, stripe)
    for (let at = 0; at < columns; at += BLOCK) {
      if (at % width === 0) scalesOf(problem, factor, { ...stripe, at, end: Math.min(columns, at + width), grid, scales })
      const block = openBlock(problem, factor, stripe, at, Math.min(BLOCK, columns - at))
      sweep(block, grid, scales)
      if (!closeBlock(block, factor, result, columns)) return undefined
      await new Promise((resolve) => setImmediate(resolve))
      signal?.throwIfAborted()
    }
  }
  return result
}

interface ScalesRequest extends Stripe {
  readonly at: number
  readonly end: number
  readonly grid: RoundingGrid
  /** f32[rows], written. */
  readonly scales: Float32Array
}

/** Of columns as they are now. Zeros have no say: columns before would only have moved them. */
function scalesOf({ weight, columns }: WeightProblem, { rows }: Factor, request: ScalesRequest): void {
  const { from, to, at, end, grid, scales } = request
  const values = new Float64Array(end - at)
  for (let row = from; row < to; row++) {
    let count = 0
    const start = (row - from) * rows.stride
    for (let j = at; j < end; j++) if (weight[row * columns + j] !== 0) values[count++] = rows.data[start + j]!
    scales[row - from] = bestScale(values.subarray(0, count), grid)
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
        const off = value - codeOf(value / scale, grid) * scale
        error += off * off
      }
      if (error < best.error) Object.assign(best, { scale, error })
    }
  }
  return best.scale
}

/** What is tried: rounding of many gets finer than clipping of few gets worse. */
const SHARES = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7]

function codeOf(ratio: number, { least, most }: RoundingGrid): number {
  return Math.max(least, Math.min(most, Math.round(ratio)))
}

function scaleOf(largest: number, { outermost }: RoundingGrid): number {
  if (largest === 0) return 1
  return outermost < 0 ? largest / outermost : Math.abs(largest) / outermost
}

/** Rounds the columns of a block one after another. rows · size² operations at most. */
function sweep({ rows, size, values, zeroFlags, errors, triangle }: ColumnBlock, grid: RoundingGrid, scales: Float32Array): void {
  for (let row = 0; row < rows; row++) {
    const start = row * size
    const scale = scales[row]!
    for (let i = 0; i < size; i++) {
      const line = i * size
      const value = values[start + i]!
      const code = zeroFlags[start + i] === 1 ? 0 : codeOf(value / scale, grid)
      const kept = code === 0 ? 0 : code * scale
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
        const code = codeOf(own[j]! / scale, grid)
        result[row * columns + at + j] = code === 0 ? 0 : code * scale
      }
    }
  return result
}

import type { RoundingGrid, WeightProblem } from '@pare/core'
import { describe, expect, test } from 'vitest'
import { gptq, nearest } from './gptq.js'

const FOUR: RoundingGrid = { least: -8, most: 7, block: 16, outermost: -8 }
const UNITS: RoundingGrid = { least: -127, most: 127, outermost: 127 }

/** Repeatable, uniform between −1 and 1. */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
}

/** Inputs of which each is half of the one before it, and noise. */
function problemOf({ rows = 6, columns = 32, seed = 1, zero = false } = {}): WeightProblem {
  const next = random(seed)
  const weight = Float32Array.from({ length: rows * columns }, (_, i) => (zero && i % 3 === 0 ? 0 : next()))
  const samples = Array.from({ length: 4 * columns }, () => {
    const x: number[] = []
    for (let j = 0; j < columns; j++) x.push((x[j - 1] ?? 0) * 0.8 + next())
    return x
  })
  const gram = new Float64Array(columns ** 2)
  for (const x of samples)
    for (let i = 0; i < columns; i++) for (let j = 0; j < columns; j++) gram[i * columns + j]! += x[i]! * x[j]!
  return {
    ...{ id: 'w', weight, rows, columns, stats: { gram }, pattern: { kind: 'free' }, zeros: 0, scope: 'tensor' },
    grid: FOUR,
  }
}

/** Σ over rows of (w − q)ᵀ G (w − q). */
function loss({ weight, rows, columns, stats }: WeightProblem, rounded: Float32Array): number {
  let sum = 0
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < columns; i++)
      for (let j = 0; j < columns; j++) {
        const [a, b] = [i, j].map((k) => weight[row * columns + k]! - rounded[row * columns + k]!) as [number, number]
        sum += a * b * stats.gram![i * columns + j]!
      }
  return sum
}

/** (G + λI)⁻¹ by Gauss and Jordan. */
function inverse(matrix: readonly (readonly number[])[]): number[][] {
  const n = matrix.length
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))])
  for (let i = 0; i < n; i++) {
    const pivot = rows[i]![i]!
    rows[i] = rows[i]!.map((value) => value / pivot)
    for (let k = 0; k < n; k++) {
      if (k === i) continue
      const factor = rows[k]![i]!
      rows[k] = rows[k]!.map((value, j) => value - factor * rows[i]![j]!)
    }
  }
  return rows.map((row) => row.slice(n))
}

/**
 * The same from its definition, the optimal brain surgeon of each step (arXiv 2210.17323, equation 2): with F the columns that are not rounded yet, what follows changes by
 * −(w_q − q) ÷ [H_F⁻¹]_qq · (H_F⁻¹)_:,q, and H_F⁻¹ is computed anew from the Gram matrix for each column.
 */
function restated({ weight, rows, columns, stats }: WeightProblem, damping: number, grid: RoundingGrid): Float64Array {
  const gram = stats.gram!
  const mean = Array.from({ length: columns }, (_, i) => gram[i * columns + i]!).reduce((a, b) => a + b) / columns
  const result = Float64Array.from(weight)
  const width = grid.block ?? columns
  for (let row = 0; row < rows; row++) {
    const w = result.subarray(row * columns, (row + 1) * columns)
    const isZero = Array.from(w, (value) => value === 0)
    let scale = 1
    for (let q = 0; q < columns; q++) {
      if (q % width === 0)
        scale = scaleOf(
          Array.from(w.subarray(q, q + width)).filter((_, i) => !isZero[q + i]),
          grid,
        )
      const left = Array.from({ length: columns - q }, (_, i) => q + i)
      const h = inverse(left.map((i) => left.map((j) => gram[i * columns + j]! + (i === j ? damping * mean : 0))))
      const value = w[q]!
      const code = isZero[q] ? 0 : Math.max(grid.least, Math.min(grid.most, Math.round(value / scale)))
      const off = (value - code * scale) / h[0]![0]!
      for (const [i, j] of left.entries()) w[j]! -= off * h[0]![i]!
      w[q] = code * scale
    }
  }
  return result
}

/** Of some smaller than what reaches the largest, on both sides where the further end is on one, the one that is off least. */
function scaleOf(values: readonly number[], { least, most, outermost }: RoundingGrid): number {
  const largest = values.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0)
  if (largest === 0) return 1
  const whole = outermost < 0 ? largest / outermost : Math.abs(largest) / outermost
  const tried = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7].flatMap((share) => [
    whole * share,
    ...(outermost < 0 ? [-whole * share] : []),
  ])
  const errors = tried.map(Math.fround).map((scale) => ({
    scale,
    error: values.reduce(
      (sum, value) => sum + (value - Math.max(least, Math.min(most, Math.round(value / scale))) * scale) ** 2,
      0,
    ),
  }))
  return errors.reduce((a, b) => (b.error < a.error ? b : a)).scale
}

function damped({ columns, stats }: WeightProblem, damping: number): Float64Array {
  const gram = stats.gram!
  const mean = Array.from({ length: columns }, (_, i) => gram[i * columns + i]!).reduce((a, b) => a + b) / columns
  return gram.map((value, i) => (i % (columns + 1) === 0 ? value + damping * mean : value))
}

/** The scale of a block of 16 elements that lie on a grid: the smallest difference of two. */
function stepOf(weight: Float32Array, from: number): number {
  const sorted = [...new Set(weight.subarray(from, from + 16))].sort((a, b) => a - b)
  return Math.min(...sorted.slice(1).map((value, i) => value - sorted[i]!))
}

const solver = gptq({ threads: 1 })

describe('it rounds', () => {
  test.each([
    ['blocks of 4 bits', FOUR, false],
    ['blocks of 4 bits around zeros', FOUR, true],
    ['units of 8 bits', UNITS, false],
  ])('%s as its definition in f64', async (_, grid, zero) => {
    const problem = { ...problemOf({ zero, seed: 5 }), grid }
    const { weight } = await gptq({ threads: 1, passes: 0 }).solve(problem)
    const expected = restated(problem, 0.01, grid)
    for (const [i, value] of weight.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5)
  })

  // Not a law: it is greedy. On inputs that go together it has never been worse here, and by far better.
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('with less loss on the data than to the nearest (%d)', async (seed) => {
    for (const zero of [false, true]) {
      const problem = problemOf({ seed, zero, rows: 16, columns: 64 })
      const { weight } = await solver.solve(problem)
      expect(loss(problem, weight)).toBeLessThan(0.75 * loss(problem, nearest(problem, FOUR)))
    }
  })

  test.each([
    1, 2, 3,
  ])('so that no single code is better, and with no more loss than before codes were looked at again (%d)', async (seed) => {
    const problem = problemOf({ seed, zero: seed > 1, rows: 4, columns: 48 })
    const swept = await gptq({ threads: 1, passes: 0 }).solve(problem)
    const { weight } = await gptq({ threads: 1, passes: 100 }).solve(problem)
    const gram = damped(problem, 0.01)
    const lossOf = (rounded: Float32Array) => loss({ ...problem, stats: { gram } }, rounded)
    const best = lossOf(weight)
    expect(best).toBeLessThan(seed === 1 ? lossOf(swept.weight) : lossOf(swept.weight) + 1e-9)
    for (let i = 0; i < weight.length; i++) {
      if (problem.weight[i] === 0) continue
      const step = stepOf(swept.weight, i - (i % 16))
      for (const side of [1, -1]) {
        const other = weight.slice()
        other[i]! += side * step
        expect(Math.round(Math.abs(other[i]!) / step) > 7 || lossOf(other) > best - 1e-6).toBe(true)
      }
    }
  })

  test('what was masked so that outputs are those before, better than masking alone', async () => {
    for (const seed of [1, 2, 3]) {
      const before = problemOf({ seed, rows: 16, columns: 64 })
      const weight = before.weight.map((value, i) => (i % 2 === 0 ? 0 : value))
      const rounded = await solver.solve({ ...before, weight, target: before.weight })
      for (const [i, value] of weight.entries()) if (value === 0) expect(rounded.weight[i]).toBe(0)
      expect(loss(before, rounded.weight)).toBeLessThan(0.7 * loss(before, weight))
      const faithful = await solver.solve({ ...before, weight })
      expect(loss(before, rounded.weight)).toBeLessThan(0.7 * loss(before, faithful.weight))
    }
  })

  test('zeros to zeros, and nothing else needs to be told', async () => {
    const problem = problemOf({ zero: true })
    const { weight, notes } = await solver.solve(problem)
    for (const [i, value] of problem.weight.entries()) if (value === 0) expect(Object.is(weight[i], 0)).toBe(true)
    expect(notes).toEqual([])
  })

  test('to the nearest where inputs have nothing in common, or were all zero', async () => {
    const columns = 32
    const identity = Float64Array.from({ length: columns ** 2 }, (_, i) => (i % (columns + 1) === 0 ? 1 : 0))
    const problem = problemOf()
    const alone = await solver.solve({ ...problem, stats: { gram: identity } })
    const off = (weight: Float32Array) => Math.max(...weight.map((value, i) => Math.abs(value - problem.weight[i]!)))
    // Half a step of 2 ÷ 15, or a little more where a few are clipped for the others.
    expect(off(alone.weight)).toBeLessThan(0.12)
    const { notes } = await solver.solve({ ...problem, stats: { gram: new Float64Array(columns ** 2) } })
    expect(notes).toEqual(['every input was zero in the calibration data: rounded to the nearest'])
  })
})

test('it is refused without a grid, and with a damping that is none', async () => {
  const { grid: _, ...problem } = problemOf()
  await expect(solver.solve(problem)).rejects.toThrow("gptq rounds weights and removes none: 'w' has no grid.")
  expect(() => gptq({ damping: -1 })).toThrow('gptq: damping is -1')
})

import { setImmediate } from 'node:timers/promises'
import type { CommonPattern } from '@pare/core'
import type { OpenProblem } from './problem.js'

/**
 * SparseSwaps (2025, arXiv 2512.10922): in each row a kept weight i changes places with one that is not, j, as long as that lowers ‖Ŵ − D‖²_H and at most
 * `most` times, the best pair first. With r = (Ŵ − D)·H that changes by 2wᵢrᵢ + wᵢ² − 2wⱼrⱼ + wⱼ² − 2wᵢwⱼH[i, j], the diagonal of H being 1. Weights keep
 * their values: the refit comes later. Of N:M pairs lie in one group; tiles stay as they are. rows · most · columns² operations.
 */
export async function swap(problem: OpenProblem, pattern: CommonPattern, most: number): Promise<void> {
  if (pattern.kind === 'tile') return
  const { rows, columns, normal, signal } = problem
  const group = pattern.kind === 'nm' ? pattern.m : columns
  for (let row = 0; row < rows; row++) {
    swapRow(problem, { row, group, most, gram: normal.matrix })
    if (row % 16 !== 15) continue
    await setImmediate()
    signal?.throwIfAborted()
  }
}

interface RowSwaps {
  readonly row: number
  /** Columns within which pairs lie. */
  readonly group: number
  readonly most: number
  readonly gram: Float32Array
}

function swapRow({ columns, stride, state, kept, allowed }: OpenProblem, { row, group, most, gram }: RowSwaps): void {
  const start = row * stride
  const w = Float64Array.from(state.data.subarray(start, start + columns))
  const mask = kept.subarray(start, start + columns)
  const residual = new Float64Array(columns)
  for (let k = 0; k < columns; k++) if (mask[k] === 0 && w[k] !== 0) add(residual, w[k]!, gram, k * columns)
  for (let swaps = 0; swaps < most; swaps++) {
    const best = bestPair({ w, mask, residual, gram, group, isAllowed: (j) => allowed[start + j] !== 0 })
    if (best === undefined) return
    const [out, into] = best
    mask[out] = 0
    mask[into] = 1
    add(residual, w[out]!, gram, out * columns)
    add(residual, -w[into]!, gram, into * columns)
  }
}

interface SwappedRow {
  readonly w: Float64Array
  readonly mask: Uint8Array
  /** (Ŵ − D)·H. */
  readonly residual: Float64Array
  readonly gram: Float32Array
  readonly group: number
  isAllowed(column: number): boolean
}

/** The pair whose exchange lowers the error most. Undefined where none does, beyond rounding. */
function bestPair({ w, mask, residual, gram, group, isAllowed }: SwappedRow): readonly [number, number] | undefined {
  const columns = w.length
  let best: readonly [number, number] | undefined
  let least = -1e-9 * w.reduce((sum, value) => sum + value * value, 0)
  for (let first = 0; first < columns; first += group) {
    const last = Math.min(columns, first + group)
    for (let j = first; j < last; j++) {
      if (mask[j] === 1 || !isAllowed(j)) continue
      const gain = w[j]! * (w[j]! - 2 * residual[j]!)
      for (let i = first; i < last; i++) {
        if (mask[i] === 0) continue
        const change = w[i]! * (2 * residual[i]! + w[i]! - 2 * w[j]! * gram[j * columns + i]!) + gain
        if (change >= least) continue
        least = change
        best = [i, j]
      }
    }
  }
  return best
}

/** values += factor · a row of the Gram matrix. */
function add(values: Float64Array, factor: number, gram: Float32Array, from: number): void {
  for (let k = 0; k < values.length; k++) values[k]! += factor * gram[from + k]!
}

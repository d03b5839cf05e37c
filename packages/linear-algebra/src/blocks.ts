import { setImmediate } from 'node:timers/promises'
import { BLOCK, type Matrix } from './workspace.js'

// What is done inside one block of the diagonal, which is small, and between blocks.

/** Where the blocks of the diagonal of a matrix begin, and how large they are: multiples of four. */
export function diagonalBlocks({ rows }: Matrix): { at: number; size: number }[] {
  return Array.from({ length: Math.ceil(rows / BLOCK) }, (_, i) => ({ at: i * BLOCK, size: Math.min(BLOCK, rows - i * BLOCK) }))
}

/** Lets other work of this process run, and ends here when it was aborted. */
export async function pause(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate()
  signal?.throwIfAborted()
}

/**
 * The Cholesky factor of the block at (at, at), in place, lower triangle. False where a pivot is not above its entry of `smallest`: the matrix is not
 * positive definite, as far as rounding lets one see.
 */
export function factorBlock({ data, stride }: Matrix, at: number, size: number, smallest: Float64Array): boolean {
  for (let j = 0; j < size; j++) {
    const row = (at + j) * stride + at
    let pivot = data[row + j]!
    for (let k = 0; k < j; k++) pivot -= data[row + k]! * data[row + k]!
    if (!(pivot > smallest[at + j]!) || pivot === Infinity) return false
    const root = Math.sqrt(pivot)
    data[row + j] = root
    for (let i = j + 1; i < size; i++) {
      const other = (at + i) * stride + at
      let sum = data[other + j]!
      for (let k = 0; k < j; k++) sum -= data[row + k]! * data[other + k]!
      data[other + j] = sum / root
    }
  }
  return true
}

/** −L⁻¹ of the lower triangular block L at (at, at): f64[size × size], zero above the diagonal. */
export function negativeInverse({ data, stride }: Matrix, at: number, size: number): Float64Array {
  const inverse = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    const row = (at + i) * stride + at
    const pivot = data[row + i]!
    // Row by row: X[i] = (e[i] − Σ L[i, k] · X[k]) / L[i, i], and all of it negative.
    for (let k = 0; k < i; k++) {
      const factor = data[row + k]!
      for (let j = 0; j <= k; j++) inverse[i * size + j]! -= factor * inverse[k * size + j]!
    }
    for (let j = 0; j < i; j++) inverse[i * size + j]! /= pivot
    inverse[i * size + i] = -1 / pivot
  }
  return inverse
}

/** A copy of a part of a matrix, f64[rows × columns], of which zeros are left. */
export function take({ data, stride }: Matrix, start: number, rows: number, columns: number): Float64Array {
  const copy = new Float64Array(rows * columns)
  for (let i = 0; i < rows; i++) {
    const row = data.subarray(start + i * stride, start + i * stride + columns)
    copy.set(row, i * columns)
    row.fill(0)
  }
  return copy
}

import { diagonalBlocks, factorBlock, negativeInverse, pause, take } from './blocks.js'
import type { Matrix, Workspace } from './workspace.js'

/**
 * The Cholesky factor L with L·Lᵀ = the symmetric matrix, in place. Reads the lower triangle and leaves L there; what lies above is undefined afterwards.
 * n³ / 3 operations for n rows, most of them as products of blocks. False where the matrix is not positive definite as far as f64 can tell: where a
 * pivot is at most n·2⁻⁵² of the diagonal element it came from.
 */
export async function cholesky(workspace: Workspace, matrix: Matrix, signal?: AbortSignal): Promise<boolean> {
  const { data, rows, stride } = matrix
  const smallest = Float64Array.from({ length: rows }, (_, i) => rows * Number.EPSILON * data[i * stride + i]!)
  for (const { at, size } of diagonalBlocks(matrix)) {
    if (!factorBlock(matrix, at, size, smallest)) return false
    const next = at + size
    if (next === rows) break
    // L21 = A21 · L11⁻ᵀ, then A22 −= L21 · L21ᵀ.
    const below = { start: 0, across: size, along: 1, count: rows - next, depth: size }
    const panel = { data: take(matrix, next * stride + at, rows - next, size), ...below }
    const inverse = { data: negativeInverse(matrix, at, size), start: 0, across: size, along: 1, count: size, depth: size }
    workspace.subtractProduct({ matrix, start: next * stride + at }, panel, inverse)
    const left = { ...below, data, start: next * stride + at, across: stride }
    workspace.subtractProduct({ matrix, start: next * stride + next, lower: true }, left, left)
    await pause(signal)
  }
  return true
}

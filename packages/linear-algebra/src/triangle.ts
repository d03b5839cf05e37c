import { diagonalBlocks, negativeInverse, pause, take } from './blocks.js'
import type { Matrix, Workspace } from './workspace.js'

/** L⁻¹ of the lower triangular matrix L, in place. n³ / 3 operations. What lies above the diagonal is neither read nor meaningful afterwards. */
export async function invertLower(workspace: Workspace, matrix: Matrix, signal?: AbortSignal): Promise<void> {
  const { data, rows, stride } = matrix
  for (const { at, size } of diagonalBlocks(matrix)) {
    // L · X = I, block row by block row: X[k] = L[k, k]⁻¹ · X[k], then X[i] −= L[i, k] · X[k] below. X takes the place of L.
    const inverse = negativeInverse(matrix, at, size)
    replaceRows(workspace, { matrix, at, columns: at }, { data: inverse, across: size, along: 1 })
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) data[(at + i) * stride + at + j] = -inverse[i * size + j]!
    }
    const next = at + size
    const panel = take(matrix, next * stride + at, rows - next, size)
    workspace.subtractProduct(
      { matrix, start: next * stride },
      { data: panel, start: 0, across: size, along: 1, count: rows - next, depth: size },
      { data, start: at * stride, across: 1, along: stride, count: next, depth: size },
    )
    await pause(signal)
  }
}

/** X with L·Lᵀ·X = B for lower triangular L f64[n × n], in the place of B f64[n × columns]. 2·n²·columns operations. */
export async function solveCholesky(workspace: Workspace, lower: Matrix, right: Matrix, signal?: AbortSignal): Promise<void> {
  const { data, rows, stride } = lower
  const columns = right.stride
  const solved = (at: number, size: number) =>
    ({ data: right.data, start: at * columns, across: 1, along: columns, count: columns, depth: size }) as const
  const blocks = diagonalBlocks(lower)
  for (const { at, size } of blocks) {
    replaceRows(workspace, { matrix: right, at, columns }, { data: negativeInverse(lower, at, size), across: size, along: 1 })
    const next = at + size
    const below = { data, start: next * stride + at, across: stride, along: 1, count: rows - next, depth: size }
    workspace.subtractProduct({ matrix: right, start: next * columns }, below, solved(at, size))
    await pause(signal)
  }
  for (const { at, size } of blocks.reverse()) {
    replaceRows(workspace, { matrix: right, at, columns }, { data: negativeInverse(lower, at, size), across: 1, along: size })
    const above = { data, start: at * stride, across: 1, along: stride, count: at, depth: size }
    workspace.subtractProduct({ matrix: right, start: 0 }, above, solved(at, size))
    await pause(signal)
  }
}

/** The block of rows at `at`, as far as `columns`, becomes −factor · itself. */
function replaceRows(
  workspace: Workspace,
  { matrix, at, columns }: { matrix: Matrix; at: number; columns: number },
  factor: { data: Float64Array; across: number; along: number },
): void {
  const size = Math.sqrt(factor.data.length)
  const start = at * matrix.stride
  const rows = take(matrix, start, size, columns)
  workspace.subtractProduct(
    { matrix, start },
    { ...factor, start: 0, count: size, depth: size },
    { data: rows, start: 0, across: 1, along: columns, count: columns, depth: size },
  )
}

import type { WeightProblem } from '@pare/core'
import {
  cholesky,
  invertLower,
  type Matrix,
  meanOfDiagonal,
  openWorkspace,
  raisedDampings,
  type Workspace,
} from '@pare/linear-algebra'
import type { Fallback, SparseGptSettings } from './settings.js'

/**
 * The upper triangular U with UᵀU = (G + λI)⁻¹. U[i, j] = data[origin − i · stride − j] for j ≥ i; elsewhere data mean nothing.
 * U[j, j]² is what is left of the variance of input j that inputs after it do not explain, inverted.
 */
export interface Factor {
  readonly data: Float64Array
  readonly origin: number
  readonly stride: number
  /** Where weights may be updated: f64[updated rows × columns]. */
  readonly rows: Matrix
  readonly workspace: Workspace
}

export interface Factorisation {
  /** Absent where no damping up to 1 makes the matrix positive definite. */
  readonly factor?: Factor
  readonly notes: readonly string[]
}

/** Rows of a weight that are updated together. */
export const rowsAtATime = ({ rows, columns }: WeightProblem, { elements }: SparseGptSettings) =>
  Math.max(1, Math.min(rows, Math.floor(elements / columns)))

/** Room for the Gram matrix, and for the rows that are updated together. */
export function openRoom(problem: WeightProblem, settings: SparseGptSettings): Promise<Workspace> {
  const { columns } = problem
  const matrices = [columns, rowsAtATime(problem, settings)].map((rows) => ({ rows, columns }))
  return openWorkspace({ matrices, threads: settings.threads })
}

/**
 * With J for the order reversed: J(G + λI)J = L·Lᵀ, so G + λI = R·Rᵀ for the upper triangular R = J·L·J, and U = R⁻¹ = J·L⁻¹·J. One factorisation and
 * one inverse of a triangle; L⁻¹ stays where it is and is read backwards.
 */
export async function factorOfInverse(
  problem: WeightProblem,
  { damping, fallback }: SparseGptSettings,
  workspace: Workspace,
): Promise<Factorisation> {
  const { columns, signal } = problem
  const [matrix, rows] = workspace.matrices as [Matrix, Matrix]
  for (const tried of [damping, ...raisedDampings(damping)]) {
    loadReversed(matrix, problem, tried)
    if (!(await cholesky(workspace, matrix, signal))) continue
    await invertLower(workspace, matrix, signal)
    const { data, stride } = matrix
    const factor = { data, origin: (columns - 1) * (stride + 1), stride, rows, workspace }
    return { factor, notes: notesOf(problem, { damping, tried, fallback }) }
  }
  return {
    notes: [`the Gram matrix is not positive definite even with a damping of 1: ${fallback.indefinite}`],
  }
}

/** An input that is always zero costs nothing to lose: so small is its share of the mean of the diagonal, so that it goes first, by |w|. */
const DEAD = 1e-12

/** The last row first, each row from its end. What is beyond the size of the matrix becomes the identity. */
function loadReversed({ data, rows, stride }: Matrix, { stats, columns }: WeightProblem, damping: number): void {
  const gram = stats.gram!
  const mean = meanOfDiagonal(gram, columns) || 1
  data.fill(0)
  for (let i = 0; i < rows; i++) {
    const from = (columns - 1 - i) * columns
    if (i < columns) data.set(gram.slice(from, from + columns).reverse(), i * stride)
    const diagonal = i < columns ? gram[from + columns - 1 - i]! : mean
    data[i * stride + i] = diagonal === 0 ? DEAD * mean : diagonal + damping * mean
  }
}

function notesOf({ stats }: WeightProblem, { damping, tried, fallback }: Damped): string[] {
  if (stats.gram!.every((value) => value === 0)) return [`every input was zero in the calibration data: ${fallback.zero}`]
  if (tried === damping) return []
  return [
    `damping was raised from ${damping} to ${Number(tried.toPrecision(6))}: with less the Gram matrix is not positive definite`,
  ]
}

interface Damped {
  readonly damping: number
  readonly tried: number
  readonly fallback: Fallback
}

import { meanOfDiagonal, ridgeSolve } from '@pare/linear-algebra'

export interface RefitProblem {
  /** f32[rows × columns], as pruned. */
  readonly weight: Float32Array
  /** f64[columns × columns]: mean of x·xᵀ, x what the pruned model multiplies the weight with. */
  readonly gram: Float64Array
  /** f64[columns × rows]: mean of x·yᵀ, y what the reference gives. */
  readonly cross: Float64Array
  /** Means of x and y, where a bias takes them up. */
  readonly means?: { readonly x: Float64Array; readonly y: Float64Array }
  /** λ as a fraction of the mean of the diagonal of the Gram matrix. */
  readonly ridge: number
  readonly signal?: AbortSignal | undefined
}

export interface Refit {
  /** f32[rows × columns] */
  readonly weight: Float32Array
  /** λ as it was in the end, as a fraction: above `ridge` where that was not enough. */
  readonly ridge: number
}

/**
 * The weight nearest to the reference's outputs: min ‖XWᵀ + b − Y‖² + λ‖W − W₀‖², with W₀ the weight as it is. It solves
 * (G + λI)·Wᵀ = C + λ·W₀ᵀ. Undefined where the inputs are constant, or no λ helps.
 */
export async function refit({ weight, gram, cross, means, ridge, signal }: RefitProblem): Promise<Refit | undefined> {
  const columns = Math.sqrt(gram.length)
  const rows = weight.length / columns
  const g = means === undefined ? gram : lessProduct(gram, means.x, means.x)
  const c = means === undefined ? cross : lessProduct(cross, means.x, means.y)
  const mean = meanOfDiagonal(g, columns)
  if (!(mean > 1e-10 * meanOfDiagonal(gram, columns))) return undefined
  const solved = await ridgeSolve({ gram: g, cross: c, near: transposed(weight, columns), lambda: ridge * mean, signal })
  if (solved === undefined) return undefined
  const { solution, lambda } = solved
  return { weight: Float32Array.from(transposed(solution, rows)), ridge: lambda / mean }
}

/** f64[columns × rows] of [rows × columns]. */
function transposed(values: ArrayLike<number>, columns: number): Float64Array {
  const rows = values.length / columns
  const result = new Float64Array(values.length)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) result[column * rows + row] = values[row * columns + column]!
  return result
}

/** a − left·rightᵀ */
function lessProduct(a: Float64Array, left: Float64Array, right: Float64Array): Float64Array {
  const n = right.length
  return a.map((value, i) => value - left[Math.floor(i / n)]! * right[i % n]!)
}

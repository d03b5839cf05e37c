import { PareError } from '@pare/onnx'
import { cholesky } from './cholesky.js'
import { firstNotFinite, meanOfDiagonal, raisedDampings } from './damping.js'
import { solveCholesky } from './triangle.js'
import { type Matrix, openWorkspace } from './workspace.js'

export interface RidgeProblem {
  /** f64[inputs × inputs], symmetric. */
  readonly gram: Float64Array
  /** f64[inputs × sides]: a right-hand side in each column. */
  readonly cross: Float64Array
  /** What is added to each element of the diagonal, in units of the Gram matrix. */
  readonly lambda: number
  /** f64[inputs × sides]: what the solution stays near to, as far as λ says. Default: zero */
  readonly near?: Float64Array
  /** Default: one for each core, at most 16, and one for small matrices. */
  readonly threads?: number
  readonly signal?: AbortSignal | undefined
}

export interface RidgeSolution {
  /** f64[inputs × sides]. */
  readonly solution: Float64Array
  /** What was added to the diagonal: `lambda`, or more where that was not enough. */
  readonly lambda: number
}

/**
 * X with (G + λI)·X = B + λ·X₀, the least-squares fit with ridge λ around X₀. Where that is not positive definite, λ is raised tenfold until it is the mean of the diagonal
 * of G, which only a matrix that is no Gram matrix survives: then undefined. Throws where a number is not finite.
 */
export async function ridgeSolve(problem: RidgeProblem): Promise<RidgeSolution | undefined> {
  const { gram, cross, signal } = problem
  const { inputs, sides } = checkSizes(problem)
  const shapes = [inputs, sides].map((columns) => ({ rows: inputs, columns }))
  const mean = meanOfDiagonal(gram, inputs)
  const raised = raisedDampings(problem.lambda / mean).map((damping) => damping * mean)
  const workspace = await openWorkspace({ matrices: shapes, threads: problem.threads })
  try {
    const [lower, right] = workspace.matrices as [Matrix, Matrix]
    for (const lambda of [problem.lambda, ...raised]) {
      fill(lower, gram, inputs)
      for (let i = 0; i < lower.rows; i++) lower.data[i * lower.stride + i] = i < inputs ? gram[i * inputs + i]! + lambda : 1
      if (!(await cholesky(workspace, lower, signal))) continue
      fill(right, cross, sides)
      if (problem.near !== undefined) add(right, problem.near, { columns: sides, factor: lambda })
      await solveCholesky(workspace, lower, right, signal)
      return { solution: read(right, inputs, sides), lambda }
    }
    return undefined
  } finally {
    await workspace[Symbol.asyncDispose]()
  }
}

function checkSizes({ gram, cross, lambda, near = cross }: RidgeProblem): { inputs: number; sides: number } {
  const inputs = Math.sqrt(gram.length)
  const sides = cross.length / inputs
  const fits = inputs > 0 && Number.isInteger(inputs) && Number.isInteger(sides) && near.length === cross.length
  if (!fits) throw new Error(`ridgeSolve: ${gram.length} and ${cross.length} numbers are no [n × n] and [n × sides]`)
  if (!(lambda >= 0 && lambda < Infinity))
    throw new PareError(`ridgeSolve: lambda is ${lambda}; 0 or more was expected.`, {
      hint: 'a hundredth of the mean of the diagonal is usual.',
    })
  for (const [name, values] of Object.entries({ gram, cross, near })) {
    const at = firstNotFinite(values)
    if (at >= 0)
      throw new PareError(`ridgeSolve: element ${at} of ${name} is ${values[at]}; finite numbers were expected.`, {
        hint: 'look for NaN, infinities or huge values in the calibration data and in what the model makes of them.',
      })
  }
  return { inputs, sides }
}

/** Copies f64[? × columns] to the beginning of a matrix that may be wider and taller. The rest becomes zero. */
function fill({ data, stride }: Matrix, values: Float64Array, columns: number): void {
  data.fill(0)
  for (let i = 0; i * columns < values.length; i++) data.set(values.subarray(i * columns, (i + 1) * columns), i * stride)
}

/** Adds multiples of f64[? × columns] to the beginning of a matrix. */
function add(
  { data, stride }: Matrix,
  values: Float64Array,
  { columns, factor }: { readonly columns: number; readonly factor: number },
): void {
  for (let i = 0, at = 0; i < values.length; at += stride)
    for (let j = 0; j < columns; j++, i++) data[at + j]! += factor * values[i]!
}

function read({ data, stride }: Matrix, rows: number, columns: number): Float64Array {
  const values = new Float64Array(rows * columns)
  for (let i = 0; i < rows; i++) values.set(data.subarray(i * stride, i * stride + columns), i * columns)
  return values
}

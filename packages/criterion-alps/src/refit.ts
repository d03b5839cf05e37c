import { setImmediate } from 'node:timers/promises'
import type { OpenProblem } from './problem.js'

/** Iterations, at most. */
const MOST = 30
/** An iteration that lowers the error by less than this share of it is the last. */
const WORTH = 1e-3

/**
 * Least squares on what is kept, min ‖Ŵ − X‖²_H over X with the zeros of the mask: conjugate gradients from the state on, all rows at a time, each with
 * steps of its own. The diagonal of H is 1, so no preconditioner is needed. Every iteration lowers the error.
 */
export async function refit(problem: OpenProblem): Promise<void> {
  const { rows, stride, workspace, state, left, right, gram, kept, energy, signal } = problem
  const product = state.data
  const [direction, residual] = [left.data, right.data]
  const solution = new Float32Array(product.length)
  for (let i = 0; i < product.length; i++) solution[i] = direction[i] = product[i]! * kept[i]!
  product.fill(0)
  workspace.addProduct(state, left, gram)
  let fitted = 0
  const squares = new Float64Array(rows)
  for (let i = 0; i < product.length; i++) {
    // ‖Ŵ − X‖² = ‖Ŵ‖² − X·(2ŴH − XH).
    fitted += solution[i]! * (2 * residual[i]! - product[i]!)
    residual[i] = direction[i] = (residual[i]! - product[i]!) * kept[i]!
  }
  for (let row = 0; row < rows; row++) squares[row] = dot(residual, residual, row * stride, stride)
  let error = Math.max(energy - fitted, 0)
  for (let iteration = 0; iteration < MOST; iteration++) {
    product.fill(0)
    workspace.addProduct(state, left, gram)
    let gained = 0
    for (let row = 0; row < rows; row++) gained += stepRow(row)
    await setImmediate()
    signal?.throwIfAborted()
    error -= gained
    if (!(gained > WORTH * error)) break
  }
  product.set(solution)

  /** One step of a row. What it lowers the error by. */
  function stepRow(row: number): number {
    const start = row * stride
    const square = squares[row]!
    const curvature = dot(direction, product, start, stride)
    // Fitted as well as f32 can tell.
    if (!(square > 0 && curvature > 0)) return 0
    const step = square / curvature
    let next = 0
    for (let i = start; i < start + stride; i++) {
      solution[i]! += step * direction[i]!
      const left = (residual[i]! - step * product[i]!) * kept[i]!
      residual[i] = left
      next += left * left
    }
    const turn = next / square
    for (let i = start; i < start + stride; i++) direction[i] = residual[i]! + turn * direction[i]!
    squares[row] = next
    return step * square
  }
}

function dot(a: Float32Array, b: Float32Array, start: number, length: number): number {
  let sum = 0
  for (let i = start; i < start + length; i++) sum += a[i]! * b[i]!
  return sum
}

import type { WeightProblem } from '@pare/core'
import type { FloatFactor, FloatMatrix, FloatWorkspace } from '@pare/linear-algebra'
import type { Normal } from './normal.js'

/** One weight while it is solved, in the units of the normal matrix. Arrays are laid out as the matrices: rows of `stride` elements. */
export interface OpenProblem {
  readonly rows: number
  readonly columns: number
  readonly stride: number
  readonly normal: Normal
  readonly workspace: FloatWorkspace
  /** W + U: the pruned weight D where `kept`, the dual U elsewhere. In the end the solution. */
  readonly state: FloatMatrix
  /** What is multiplied next. */
  readonly left: FloatMatrix
  /** Ŵ · H: what the fit is to meet. */
  readonly right: FloatMatrix
  /** Room for the inverse. */
  readonly square: FloatMatrix
  readonly inverse: FloatFactor
  readonly gram: FloatFactor
  /** 1 where a weight stays. */
  readonly kept: Uint8Array
  /** All bits but the sign where a weight may stay; 0 where it was zero from the beginning, and beyond the weight. */
  readonly allowed: Int32Array
  /** f64[rows]: what rows are multiplied with, so that their errors cost what the loss feels of them. */
  readonly rowScale: Float64Array
  /** ‖Ŵ‖² in the norm of H. */
  readonly energy: number
  readonly signal: AbortSignal | undefined
  isKept(element: number): boolean
}

/** Loads a weight: the state is the weight itself, and nothing is kept yet. */
export function openProblem(problem: WeightProblem, normal: Normal, workspace: FloatWorkspace): OpenProblem {
  const { rows, columns, weight, signal } = problem
  const rowScale = rowScaleOf(problem)
  const [state, left, right] = workspace.matrices as [FloatMatrix, FloatMatrix, FloatMatrix]
  const { square } = workspace
  const [inverse, gram] = workspace.factors as [FloatFactor, FloatFactor]
  const { stride } = state
  const allowed = new Int32Array(state.data.length)
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < columns; j++) {
      const w = weight[row * columns + j]!
      state.data[row * stride + j] = w * normal.scale[j]! * rowScale[row]!
      allowed[row * stride + j] = w === 0 ? 0 : 0x7fffffff
    }
  }
  loadSquare(square, normal.matrix, columns)
  gram.load(square)
  workspace.addProduct(right, state, gram)
  let energy = 0
  for (let i = 0; i < state.data.length; i++) energy += state.data[i]! * right.data[i]!
  const kept = new Uint8Array(state.data.length)
  const isKept = (element: number) => kept[Math.floor(element / columns) * stride + (element % columns)] === 1
  const matrices = { state, left, right, square, inverse, gram }
  return { rows, columns, stride, normal, workspace, ...matrices, kept, allowed, rowScale, energy, signal, isKept }
}

/** A row that the loss does not feel still counts a little: what it felt was measured on few data. */
const LEAST_FELT = 0.01

/** √ of what the loss feels of each row ÷ its mean. */
function rowScaleOf({ rows, felt }: WeightProblem): Float64Array {
  const mean = (felt?.reduce((sum, value) => sum + value, 0) ?? 0) / rows
  if (felt === undefined || !(mean > 0)) return new Float64Array(rows).fill(1)
  return felt.map((value) => Math.sqrt(value / mean + LEAST_FELT))
}

/** Keeps what a mask says, of what is not zero already. */
export function keepGiven({ rows, columns, stride, kept, allowed }: OpenProblem, mask: Uint8Array): void {
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < columns; j++) {
      const to = row * stride + j
      kept[to] = allowed[to] === 0 ? 0 : mask[row * columns + j]!
    }
  }
}

/** f32[columns × columns] at the beginning of a matrix that may be larger. */
export function loadSquare({ data, stride }: FloatMatrix, values: Float32Array, columns: number): void {
  data.fill(0)
  for (let i = 0; i < columns; i++) data.set(values.subarray(i * columns, (i + 1) * columns), i * stride)
}

/** f32[rows × columns] of the state, zero where nothing is kept. Undefined where a weight is not finite in f32. */
export function weightOf({
  rows,
  columns,
  stride,
  normal: { scale },
  rowScale,
  state,
  kept,
}: OpenProblem): Float32Array | undefined {
  const weight = new Float32Array(rows * columns)
  let finite = 0
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < columns; j++) {
      const from = row * stride + j
      if (kept[from] === 0) continue
      const value = Math.fround(state.data[from]! / scale[j]! / rowScale[row]!)
      finite += value - value
      weight[row * columns + j] = value
    }
  }
  return finite === 0 ? weight : undefined
}

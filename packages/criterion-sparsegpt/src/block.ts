import type { WeightProblem } from '@pare/core'
import type { Factor } from './inverse.js'

/** A block of columns of some rows, taken out to be worked on. Arrays of [rows × size], row by row. */
export interface ColumnBlock {
  /** Its first row in the weight. */
  readonly from: number
  readonly rows: number
  /** Its first column. */
  readonly at: number
  /** Columns. */
  readonly size: number
  /** The weights, with the updates from earlier columns. */
  readonly values: Float64Array
  /** 1 where a weight is or becomes zero. At first: where it was zero from the beginning. */
  readonly zeroFlags: Uint8Array
  /** What each weight that went leaves to be made up for: w / U[j, j]. */
  readonly errors: Float64Array
  /** f64[size × size]: U of these columns. */
  readonly triangle: Float64Array
}

export interface Stripe {
  readonly from: number
  readonly to: number
}

/** Loads the weights of some rows to where they are updated. */
export function loadRows({ weight, columns }: WeightProblem, { rows: { data, stride } }: Factor, { from, to }: Stripe): void {
  data.fill(0)
  for (let row = from; row < to; row++) data.set(weight.subarray(row * columns, (row + 1) * columns), (row - from) * stride)
}

export function openBlock(
  { weight, columns }: WeightProblem,
  factor: Factor,
  { from, to }: Stripe,
  at: number,
  size: number,
): ColumnBlock {
  const rows = to - from
  const { data, stride } = factor.rows
  const values = new Float64Array(rows * size)
  const zeroFlags = new Uint8Array(rows * size)
  for (let i = 0; i < rows; i++) {
    values.set(data.subarray(i * stride + at, i * stride + at + size), i * size)
    const original = (from + i) * columns + at
    for (let j = 0; j < size; j++) zeroFlags[i * size + j] = weight[original + j] === 0 ? 1 : 0
  }
  return {
    from,
    rows,
    at,
    size,
    values,
    zeroFlags,
    errors: new Float64Array(rows * size),
    triangle: triangleOf(factor, at, size),
  }
}

function triangleOf({ data, origin, stride }: Factor, at: number, size: number): Float64Array {
  const triangle = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = i; j < size; j++) triangle[i * size + j] = data[origin - (at + i) * stride - (at + j)]!
  }
  return triangle
}

/** Puts the weights into `result` and updates the columns after the block: W −= errors · U. False where a weight is not finite in f32. */
export function closeBlock(
  { from, rows, at, size, values, errors }: ColumnBlock,
  factor: Factor,
  result: Float32Array,
  columns: number,
): boolean {
  let finite = 0
  for (let i = 0; i < rows; i++) {
    const target = result.subarray((from + i) * columns + at, (from + i) * columns + at + size)
    target.set(values.subarray(i * size, (i + 1) * size))
    for (let j = 0; j < size; j++) finite += target[j]! - target[j]!
  }
  const next = at + size
  factor.workspace.subtractProduct(
    { matrix: factor.rows, start: next },
    { data: errors, start: 0, across: size, along: 1, count: rows, depth: size },
    {
      data: factor.data,
      start: factor.origin - at * factor.stride - next,
      across: -1,
      along: -factor.stride,
      count: columns - next,
      depth: size,
    },
  )
  return finite === 0
}

import { type Matrix, openWorkspace, type Workspace } from '@pare/linear-algebra'

/**
 * The least-squares problem of one reader, solved for the columns that are in it now. For H f64[n × n] and Y = H·Wᵀ f64[n × outputs], K the columns that are in and
 * R the others, the matrix [H, −Y] holds, after `turn(K)`,
 *
 *     K:  H_KK⁻¹        −H_KK⁻¹·H_KR                    B = H_KK⁻¹·Y_K
 *     R:  H_RK·H_KK⁻¹    H_RR − H_RK·H_KK⁻¹·H_KR        −(Y_R − H_RK·B)
 *
 * so that one formula, tr(Z_Sᵀ·M_SS⁻¹·Z_S) with Z the right part, is what leaving S ⊂ K out adds to the error, and what taking S ⊂ R in takes off it.
 * `turn` is its own inverse: the principal pivot transform (Tucker 1960).
 */
export interface Tableau extends AsyncDisposable {
  /** Takes columns in that are out, and leaves out those that are in. Returns what that changes the error by, as a size. n · (n + outputs) · columns operations. */
  turn(columns: Int32Array): number
  /** What `turn` would return. */
  change(columns: Int32Array): number
}

export interface TableauProblem {
  /** H, f64[n × n], symmetric and positive definite. */
  readonly gram: Float64Array
  /** W, f64[outputs × n]. */
  readonly weight: Float64Array
  readonly outputs: number
  /** This one counted. Default: one for each core, at most 16, and one for small problems. */
  readonly threads?: number | undefined
}

/** With all columns in: B = Wᵀ. Undefined where H is not positive definite as far as f64 can tell. */
export async function openTableau({ gram, weight, outputs, threads }: TableauProblem): Promise<Tableau | undefined> {
  const n = weight.length / outputs
  const workspace = await openWorkspace({ matrices: [{ rows: n, columns: n + outputs }], threads })
  const [matrix] = workspace.matrices as [Matrix]
  const size = { n, width: n + outputs }
  for (let i = 0; i < n; i++) matrix.data.set(gram.subarray(i * n, (i + 1) * n), i * matrix.stride)
  for (let at = 0; at < n; at += BLOCK) {
    const block = Int32Array.from({ length: Math.min(BLOCK, n - at) }, (_, i) => at + i)
    if (turn(workspace, block, size) !== undefined) continue
    await workspace[Symbol.asyncDispose]()
    return undefined
  }
  for (let i = 0; i < n; i++) for (let r = 0; r < outputs; r++) matrix.data[i * matrix.stride + n + r] = weight[r * n + i]!
  return {
    change: (columns) => changeOf(matrix, columns, size),
    turn(columns) {
      const change = turn(workspace, columns, size)
      if (change === undefined)
        throw new RangeError('columns of a positive definite matrix have no inverse: its condition is beyond f64')
      return change
    },
    [Symbol.asyncDispose]: () => workspace[Symbol.asyncDispose](),
  }
}

/** Columns that are taken in at once at first. */
const BLOCK = 128

interface Size {
  readonly n: number
  /** n + outputs. */
  readonly width: number
}

/** Undefined, with the matrix as it was, where the columns have no inverse. */
function turn(workspace: Workspace, columns: Int32Array, { n, width }: Size): number | undefined {
  const [matrix] = workspace.matrices as [Matrix]
  const { data, stride } = matrix
  const count = columns.length
  const inverse = inverseOf(squareOf(matrix, columns), count)
  if (inverse === undefined) return undefined
  // C = M_:S, R = M_SS⁻¹ · M_S:
  const across = new Float64Array(n * count)
  for (let i = 0; i < n; i++) for (let s = 0; s < count; s++) across[i * count + s] = data[i * stride + columns[s]!]!
  const along = new Float64Array(count * width)
  for (let s = 0; s < count; s++) {
    for (let t = 0; t < count; t++) {
      const factor = inverse[s * count + t]!
      const from = columns[t]! * stride
      if (factor !== 0) for (let j = 0; j < width; j++) along[s * width + j]! += factor * data[from + j]!
    }
  }
  let change = 0
  for (let s = 0; s < count; s++)
    for (let j = n; j < width; j++) change += data[columns[s]! * stride + j]! * along[s * width + j]!
  // M −= C · R, and what stands in the rows and columns S is set anew: [M_SS⁻¹, −R] and C · M_SS⁻¹.
  workspace.subtractProduct(
    { matrix, start: 0 },
    { data: across, start: 0, across: count, along: 1, count: n, depth: count },
    { data: along, start: 0, across: 1, along: width, count: width, depth: count },
  )
  for (let i = 0; i < n; i++) {
    for (let s = 0; s < count; s++) {
      let sum = 0
      for (let t = 0; t < count; t++) sum += across[i * count + t]! * inverse[t * count + s]!
      data[i * stride + columns[s]!] = sum
    }
  }
  for (let s = 0; s < count; s++) {
    const row = columns[s]! * stride
    for (let j = 0; j < width; j++) data[row + j] = -along[s * width + j]!
    for (let t = 0; t < count; t++) data[row + columns[t]!] = inverse[s * count + t]!
  }
  return change
}

/** tr(Z_Sᵀ · M_SS⁻¹ · Z_S), by the factor L of M_SS = L·Lᵀ: the sum of the squares of L⁻¹·Z_S. */
function changeOf(matrix: Matrix, columns: Int32Array, { n, width }: Size): number {
  const { data, stride } = matrix
  const count = columns.length
  if (count === 1) {
    const row = columns[0]! * stride
    let squares = 0
    for (let j = row + n; j < row + width; j++) squares += data[j]! * data[j]!
    return squares / data[row + columns[0]!]!
  }
  const factor = squareOf(matrix, columns)
  if (!factorInPlace(factor, count)) return Infinity
  let change = 0
  const solved = new Float64Array(count)
  for (let j = n; j < width; j++) {
    for (let s = 0; s < count; s++) {
      let value = data[columns[s]! * stride + j]!
      for (let t = 0; t < s; t++) value -= factor[s * count + t]! * solved[t]!
      value /= factor[s * count + s]!
      solved[s] = value
      change += value * value
    }
  }
  return change
}

/** M_SS, f64[count × count]. */
function squareOf({ data, stride }: Matrix, columns: Int32Array): Float64Array {
  const count = columns.length
  const square = new Float64Array(count * count)
  for (let s = 0; s < count; s++)
    for (let t = 0; t < count; t++) square[s * count + t] = data[columns[s]! * stride + columns[t]!]!
  return square
}

/** Undefined where the symmetric matrix is not positive definite. */
function inverseOf(square: Float64Array, count: number): Float64Array | undefined {
  if (!factorInPlace(square, count)) return undefined
  const inverse = new Float64Array(count * count)
  const column = new Float64Array(count)
  for (let c = 0; c < count; c++) {
    // L·Lᵀ·x = e_c: what lies above c in the first half is zero.
    for (let i = c; i < count; i++) {
      let value = i === c ? 1 : 0
      for (let k = c; k < i; k++) value -= square[i * count + k]! * column[k]!
      column[i] = value / square[i * count + i]!
    }
    for (let i = count - 1; i >= c; i--) {
      let value = column[i]!
      for (let k = i + 1; k < count; k++) value -= square[k * count + i]! * column[k]!
      column[i] = value / square[i * count + i]!
      inverse[i * count + c] = column[i]!
      inverse[c * count + i] = column[i]!
    }
  }
  return inverse
}

/** The lower Cholesky factor in the place of the lower triangle. False where a pivot is not above zero. */
function factorInPlace(square: Float64Array, count: number): boolean {
  for (let j = 0; j < count; j++) {
    for (let i = j; i < count; i++) {
      let value = square[i * count + j]!
      for (let k = 0; k < j; k++) value -= square[i * count + k]! * square[j * count + k]!
      if (i > j) square[i * count + j] = value / square[j * count + j]!
      else if (value > 0 && value < Infinity) square[j * count + j] = Math.sqrt(value)
      else return false
    }
  }
  return true
}

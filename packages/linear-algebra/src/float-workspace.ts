import { type Item, startThreads, type Threads } from '@pare/wasm/threads'
import { FLOAT_COLUMNS, FLOAT_KERNEL, FLOAT_ROWS, floatModule } from './float-kernel.js'
import { openMemory, poolAreas, threadsFor } from './memory.js'

/** Matrices of f32 in a memory of their own, where threads work on them: half the bytes of `Workspace`, and twice its speed. */
export interface FloatWorkspace extends AsyncDisposable {
  /** In the order in which they were asked for, zero at first. */
  readonly matrices: readonly FloatMatrix[]
  /** A square matrix, to be inverted. */
  readonly square: FloatMatrix
  /** Square factors of products, as many as were asked for, each empty at first. */
  readonly factors: readonly FloatFactor[]
  /** target += left · factor. Each sum is made in f32, in the same order whatever the number of threads. */
  addProduct(target: FloatMatrix, left: FloatMatrix, factor: FloatFactor): void
  /**
   * `square`, symmetric and positive definite, becomes its inverse: Gauss and Jordan by blocks, 2·n³ operations. Rows and columns beyond those that were
   * asked for must be those of the identity. False where it is not positive definite as far as f32 can tell; its elements mean nothing then.
   */
  invertSquare(): boolean
}

/** f32[rows × columns], row by row, each row `stride` elements after the one before: multiples of four rows and of eight columns. */
export interface FloatMatrix {
  readonly data: Float32Array
  readonly rows: number
  readonly stride: number
}

/** The right factor of products, in the order in which the kernel reads it. */
export interface FloatFactor {
  /** Takes the elements of a square matrix over. */
  load(matrix: FloatMatrix): void
  /** @internal Address of the panels. */
  readonly address: number
}

export interface FloatWorkspaceOptions {
  /** Rows of the matrices. All have as many columns. */
  readonly rows: readonly number[]
  readonly columns: number
  /** How many right factors f32[columns × columns]. */
  readonly factors: number
  /** This one counted. Where no memory can be shared it is one. Default: one for each core, at most 16, and one for small matrices. */
  readonly threads?: number | undefined
}

/** Throws where 4 GiB do not hold the matrices, or less memory is there. A product keeps the event loop waiting. */
export async function openFloatWorkspace(options: FloatWorkspaceOptions): Promise<FloatWorkspace> {
  const stride = roundUp(options.columns, FLOAT_COLUMNS)
  // The last ones are for the inverse: the matrix, a column of blocks, a row of them, and what lies on the diagonal.
  const heights = [...options.rows.map((rows) => roundUp(rows, FLOAT_ROWS)), stride, stride, BLOCK, BLOCK]
  const sizes = [...heights.map((rows) => rows * stride), ...Array<number>(options.factors + 1).fill(stride * stride)]
  const elements = sizes.reduce((sum, size) => sum + size, 0)
  const target = options.threads ?? threadsFor(elements)
  const { memory, kind } = openMemory(POOL_BYTES + 4 * elements, target > 1 ? 'shared' : 'plain')
  const count = kind === 'shared' ? target : 1
  const pool = await startThreads({
    count,
    module: floatModule(kind),
    kernels: [FLOAT_KERNEL],
    memory,
    allocate: poolAreas(POOL_BYTES),
  })
  let next = POOL_BYTES
  const areas = sizes.map((size) => {
    const data = new Float32Array(memory.buffer, next, size)
    next += data.byteLength
    return data
  })
  const matrices = heights.map((rows, i): FloatMatrix => ({ data: areas[i]!, rows, stride }))
  const panels = areas.slice(heights.length)
  const factors = panels.map(
    ({ byteOffset: address }, i): FloatFactor => ({ address, load: (matrix) => pack(matrix.data, stride, panels[i]!) }),
  )
  const inversion = { pool, panel: panels.at(-1)!, column: matrices.at(-3)!, row: matrices.at(-2)!, corner: matrices.at(-1)! }
  return {
    matrices: matrices.slice(0, options.rows.length),
    square: matrices.at(-4)!,
    factors: factors.slice(0, options.factors),
    addProduct: (matrix, left, { address }) => run(pool, strips(matrix, left, { address, depth: stride })),
    invertSquare: () => invert(matrices.at(-4)!, inversion),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  }
}

/** Puts the rows of a factor in the order in which the kernel reads them: blocks of rows, in each panels of eight columns. */
function pack(data: Float32Array, stride: number, into: Float32Array): void {
  let at = 0
  for (let from = 0; from * stride < data.length; from += DEPTH) {
    const to = Math.min(data.length / stride, from + DEPTH)
    for (let column = 0; column < stride; column += FLOAT_COLUMNS) {
      for (let k = from; k < to; k++, at += FLOAT_COLUMNS) {
        const start = k * stride + column
        for (let j = 0; j < FLOAT_COLUMNS; j++) into[at + j] = data[start + j]!
      }
    }
  }
}

interface Panels {
  readonly address: number
  /** Length of the sums. */
  readonly depth: number
}

/** A product in strips of rows, each of which needs nothing of the others. */
function strips(target: FloatMatrix, left: FloatMatrix, { address, depth }: Panels): Item[] {
  const stride = 4 * target.stride
  return Array.from({ length: Math.ceil(target.rows / STRIP) }, (_, strip) => {
    const first = strip * STRIP
    const tiles = Math.min(STRIP, target.rows - first) / FLOAT_ROWS
    return Array.from({ length: Math.ceil(depth / DEPTH) }, (_, part) => {
      const k = part * DEPTH
      const a = left.data.byteOffset + first * stride + 4 * k
      const c = target.data.byteOffset + first * stride
      return [
        0,
        a,
        address + k * stride,
        c,
        stride,
        4 * Math.min(DEPTH, depth - k),
        tiles,
        target.stride / FLOAT_COLUMNS,
      ] as const
    })
  })
}

function run(pool: Threads, items: readonly Item[]): void {
  for (let at = 0; at < items.length; at += MOST_ITEMS) pool.run(items.slice(at, at + MOST_ITEMS))
}

interface Inversion {
  readonly pool: Threads
  /** Where a row of blocks lies as a right factor. */
  readonly panel: Float32Array
  readonly column: FloatMatrix
  readonly row: FloatMatrix
  readonly corner: FloatMatrix
}

/**
 * Block by block K of the diagonal, with P = A[K, K]⁻¹: A[K, :] becomes P · A[K, :], everything else loses A[:, K] · P · A[K, :], and A[:, K] becomes
 * −A[:, K] · P, A[K, K] becomes P.
 */
function invert(matrix: FloatMatrix, { pool, panel, column, row, corner }: Inversion): boolean {
  const { data, stride } = matrix
  const block = Math.min(BLOCK, stride)
  const panels = { address: panel.byteOffset, depth: block }
  for (let at = 0; at < stride; at += block) {
    const count = Math.min(block, stride - at)
    const pivot = blockInverse(matrix, at, count)
    if (pivot === undefined) return false
    for (const each of [row, corner]) each.data.fill(0)
    for (let i = 0; i < count; i++) {
      const from = (at + i) * stride
      // With I in the place of A[K, K] the product gives P there.
      for (let j = 0; j < count; j++) data[from + at + j] = i === j ? 1 : 0
      for (let j = 0; j < count; j++) corner.data[i * stride + j] = pivot[i * count + j]!
    }
    packRows(matrix, { at, count, block }, panel)
    run(pool, strips(row, corner, panels))
    for (let i = 0; i < stride; i++) {
      const from = i * stride + at
      const isOwn = i >= at && i < at + count
      for (let j = 0; j < block; j++) {
        const isThere = j < count
        column.data[i * stride + j] = isOwn ? (i - at === j ? 1 : 0) : isThere ? -data[from + j]! : 0
        if (isThere) data[from + j] = 0
      }
    }
    data.fill(0, at * stride, (at + count) * stride)
    packRows(row, { at: 0, count, block }, panel)
    run(pool, strips(matrix, column, panels))
  }
  return true
}

/** The rows of a block as a right factor: zeros where it is smaller than others. */
function packRows(
  { data, stride }: FloatMatrix,
  { at, count, block }: { readonly at: number; readonly count: number; readonly block: number },
  panel: Float32Array,
): void {
  for (let column = 0, to = 0; column < stride; column += FLOAT_COLUMNS) {
    for (let k = 0; k < block; k++, to += FLOAT_COLUMNS) {
      const from = (at + k) * stride + column
      for (let j = 0; j < FLOAT_COLUMNS; j++) panel[to + j] = k < count ? data[from + j]! : 0
    }
  }
}

/** The inverse of the block of the diagonal at (at, at) in f64. Undefined where a pivot is not above what rounding leaves of 0. */
function blockInverse({ data, stride }: FloatMatrix, at: number, count: number): Float64Array | undefined {
  const block = new Float64Array(count * count)
  for (let i = 0; i < count; i++) for (let j = 0; j < count; j++) block[i * count + j] = data[(at + i) * stride + at + j]!
  for (let p = 0; p < count; p++) {
    const pivot = block[p * count + p]!
    if (!(pivot > SMALLEST) || pivot === Infinity) return undefined
    const row = block.slice(p * count, (p + 1) * count).map((value) => value / pivot)
    row[p] = 1 / pivot
    for (let i = 0; i < count; i++) {
      const factor = block[i * count + p]!
      if (i === p) continue
      for (let j = 0; j < count; j++) block[i * count + j]! -= factor * row[j]!
      block[i * count + p] = -factor / pivot
    }
    block.set(row, p * count)
  }
  return block
}

/** Rows and columns of a block of the diagonal. */
const BLOCK = 32
/** Terms that are summed before the next part: 512 of a panel fill 16 KiB. */
const DEPTH = 512
/** Rows of a strip. */
const STRIP = 64
/** Strips that the threads are handed at a time: their list of up to 28 parts each takes 232 KiB. */
const MOST_ITEMS = 256
const POOL_BYTES = 1 << 20
/** Matrices have 1 on their diagonal, or more: below, a pivot is rounding. */
const SMALLEST = 1e-6

const roundUp = (size: number, unit: number) => unit * Math.ceil(size / unit)

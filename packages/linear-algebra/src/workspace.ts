import { availableParallelism } from 'node:os'
import { PareError } from '@pare/onnx'
import { type Operand, pack, panels } from './pack.js'
import { productModule, TILE } from './product-kernel.js'
import { JOB_BYTES, startThreads } from './threads.js'

/** Matrices in a memory of their own, where threads work on them. */
export interface Workspace extends AsyncDisposable {
  /** In the order in which they were asked for, zero at first. */
  readonly matrices: readonly Matrix[]
  /** Part of a matrix −= left · right. Sums are made in f64 and then subtracted. */
  subtractProduct(target: Target, left: Operand, right: Operand): void
}

/** f64[rows × columns], row by row, each row `stride` elements after the one before. Rows and stride are multiples of four. */
export interface Matrix {
  readonly data: Float64Array
  readonly rows: number
  readonly stride: number
}

export interface Target {
  readonly matrix: Matrix
  /** First element of the part. */
  readonly start: number
  /** Only up to the diagonal, which begins at `start`: what lies right of it may or may not be computed. Default: false */
  readonly lower?: boolean
}

export interface WorkspaceOptions {
  /** Sizes of the matrices. */
  readonly matrices: readonly { readonly rows: number; readonly columns: number }[]
  /** This one counted. Where no memory can be shared it is one. Default: one for each core, at most 16, and one for small matrices. */
  readonly threads?: number | undefined
}

/** Terms that the kernel sums at a time, and the size of the blocks that the algorithms here work with. */
export const BLOCK = 128

/** Throws where 4 GiB do not hold the matrices, or less memory is there. A product keeps the event loop waiting, some 0.2 s for 4,096 × 4,096. */
export async function openWorkspace({ matrices: sizes, threads }: WorkspaceOptions): Promise<Workspace> {
  const shapes = sizes.map(({ rows, columns }) => ({ rows: roundUp(rows), stride: roundUp(columns) }))
  const elements = shapes.reduce((sum, { rows, stride }) => sum + rows * stride, 0)
  const wanted = threads ?? (elements < WORTH_THREADS ? 1 : Math.min(availableParallelism(), MOST_THREADS))
  const packed = PACKED_ROWS * BLOCK + BLOCK * Math.max(...shapes.map(({ stride }) => stride))
  const { memory, kind } = allocate(JOB_BYTES + 8 * (packed + elements), wanted > 1 ? 'shared' : 'plain')
  const pool = await startThreads(kind === 'shared' ? wanted - 1 : 0, productModule(kind), memory)

  const a = JOB_BYTES
  const b = a + 8 * PACKED_ROWS * BLOCK
  const left = new Float64Array(memory.buffer, a, PACKED_ROWS * BLOCK)
  const right = new Float64Array(memory.buffer, b, packed - left.length)
  let address = JOB_BYTES + 8 * packed
  const matrices = shapes.map(({ rows, stride }) => {
    const data = new Float64Array(memory.buffer, address, rows * stride)
    address += data.byteLength
    return { data, rows, stride }
  })
  return { matrices, subtractProduct, [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose]() }

  function subtractProduct(target: Target, rows: Operand, columns: Operand): void {
    if (columns.count === 0) return
    for (let k = 0; k < rows.depth; k += BLOCK) subtractBlock(target, part(rows, k), part(columns, k))
  }

  function subtractBlock({ matrix, start, lower = false }: Target, rows: Operand, columns: Operand): void {
    const stride = 8 * matrix.stride
    const depth = pack(columns, right)
    for (let first = 0; first < rows.count; first += PACKED_ROWS) {
      const count = Math.min(PACKED_ROWS, rows.count - first)
      pack({ ...rows, start: rows.start + first * rows.across, count }, left)
      const c = matrix.data.byteOffset + 8 * start + first * stride
      // A product with more rows than are packed at a time is cut below the diagonal of each part.
      const wide = lower ? Math.min(columns.count, first + count) : columns.count
      pool.run({ a, b, c, depth, rowPanels: panels(count), columnPanels: panels(wide), stride, lower: lower && first === 0 })
    }
  }
}

/** Elements from which on threads are worth their start of some 40 ms. */
const WORTH_THREADS = 1 << 20
/** Beyond, packing and the blocks of the diagonal, which one thread works on, are most of the time. */
const MOST_THREADS = 16
const PACKED_ROWS = 4096
const PAGE = 65536

/** The terms of the sums from `k` on, one block of them. */
const part = (of: Operand, k: number) => ({ ...of, start: of.start + k * of.along, depth: Math.min(BLOCK, of.depth - k) })

const roundUp = (size: number) => TILE * Math.ceil(size / TILE)

/** Shared memory where it can be had, else memory for one thread. */
function allocate(bytes: number, kind: 'plain' | 'shared'): { memory: WebAssembly.Memory; kind: 'plain' | 'shared' } {
  const pages = Math.ceil(bytes / PAGE)
  try {
    if (kind === 'plain') return { memory: new WebAssembly.Memory({ initial: pages }), kind }
    return { memory: new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }), kind }
  } catch (cause) {
    if (kind === 'shared') return allocate(bytes, 'plain')
    throw new PareError(
      `linear-algebra: matrices of ${Math.ceil(bytes / 2 ** 20)} MiB were asked for; 4096 MiB, as far as they are free, is the most.`,
      {
        hint: 'leave the layer out with exclude, or choose a criterion that needs no matrix of all pairs of inputs.',
        cause,
      },
    )
  }
}

import { type Item, startThreads } from '@pare/wasm/threads'
import { openMemory, poolAreas, threadsFor } from './memory.js'
import { type Operand, pack, panels } from './pack.js'
import { KERNEL, productModule, TILE } from './product-kernel.js'

/** Matrices in a memory of their own, where threads work on them. */
export interface Workspace extends AsyncDisposable {
  /** In the order in which they were asked for, zero at first. */
  readonly matrices: readonly Matrix[]
  /** Part of a matrix −= left · right. Sums are made in f64 and then subtracted. */
  subtractProduct(target: ProductTarget, left: Operand, right: Operand): void
}

/** f64[rows × columns], row by row, each row `stride` elements after the one before. Rows and stride are multiples of four. */
export interface Matrix {
  readonly data: Float64Array
  readonly rows: number
  readonly stride: number
}

export interface ProductTarget {
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

/** At the start of the memory, for what the threads are handed. A list of all 64 strips of PACKED_ROWS takes 5 KiB, and smaller ones before it less together. */
const POOL_BYTES = 1 << 14

/** Terms that the kernel sums at a time, and the size of the blocks that the algorithms here work with. */
export const BLOCK = 128

/** Throws where 4 GiB do not hold the matrices, or less memory is there. A product keeps the event loop waiting, some 0.2 s for 4,096 × 4,096. */
export async function openWorkspace({ matrices: sizes, threads }: WorkspaceOptions): Promise<Workspace> {
  const shapes = sizes.map(({ rows, columns }) => ({ rows: roundUp(rows), stride: roundUp(columns) }))
  const elements = shapes.reduce((sum, { rows, stride }) => sum + rows * stride, 0)
  const target = threads ?? threadsFor(elements)
  const packed = PACKED_ROWS * BLOCK + BLOCK * Math.max(...shapes.map(({ stride }) => stride))
  const { memory, kind } = openMemory(POOL_BYTES + 8 * (packed + elements), target > 1 ? 'shared' : 'plain')
  const count = kind === 'shared' ? target : 1
  const pool = await startThreads({
    count,
    module: productModule(kind),
    kernels: [KERNEL],
    memory,
    allocate: poolAreas(POOL_BYTES),
  })

  const a = POOL_BYTES
  const b = a + 8 * PACKED_ROWS * BLOCK
  const left = new Float64Array(memory.buffer, a, PACKED_ROWS * BLOCK)
  const right = new Float64Array(memory.buffer, b, packed - left.length)
  let address = POOL_BYTES + 8 * packed
  const matrices = shapes.map(({ rows, stride }) => {
    const data = new Float64Array(memory.buffer, address, rows * stride)
    address += data.byteLength
    return { data, rows, stride }
  })
  return { matrices, subtractProduct, [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose]() }

  function subtractProduct(target: ProductTarget, rows: Operand, columns: Operand): void {
    if (columns.count === 0) return
    for (let k = 0; k < rows.depth; k += BLOCK) subtractBlock(target, part(rows, k), part(columns, k))
  }

  function subtractBlock({ matrix, start, lower = false }: ProductTarget, rows: Operand, columns: Operand): void {
    const stride = 8 * matrix.stride
    const depth = pack(columns, right)
    for (let first = 0; first < rows.count; first += PACKED_ROWS) {
      const count = Math.min(PACKED_ROWS, rows.count - first)
      pack({ ...rows, start: rows.start + first * rows.across, count }, left)
      const c = matrix.data.byteOffset + 8 * start + first * stride
      // A product with more rows than are packed at a time is cut below the diagonal of each part.
      const wide = lower ? Math.min(columns.count, first + count) : columns.count
      pool.run(
        strips({ a, b, c, depth, rowPanels: panels(count), columnPanels: panels(wide), stride, lower: lower && first === 0 }),
      )
    }
  }
}

/** A product in strips of rows. Addresses, panels and bytes as `KERNEL` takes them. */
interface Product {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly depth: number
  readonly rowPanels: number
  readonly columnPanels: number
  readonly stride: number
  /** Only up to the diagonal, which begins where C does; a strip is computed up to its last row. */
  readonly lower: boolean
}

function strips({ a, b, c, depth, rowPanels, columnPanels, stride, lower }: Product): Item[] {
  return Array.from({ length: Math.ceil(rowPanels / STRIP) }, (_, strip) => {
    const first = strip * STRIP
    const rows = Math.min(STRIP, rowPanels - first)
    const columns = lower ? Math.min(columnPanels, first + rows) : columnPanels
    return [[0, a + first * depth, b, c + TILE * first * stride, depth, rows, columns, stride]]
  })
}

/** Panels of rows in a strip: 64 rows and 128 products fill 64 KiB, of the second-level cache. */
const STRIP = 16

const PACKED_ROWS = 4096

/** The terms of the sums from `k` on, one block of them. */
const part = (of: Operand, k: number) => ({ ...of, start: of.start + k * of.along, depth: Math.min(BLOCK, of.depth - k) })

const roundUp = (size: number) => TILE * Math.ceil(size / TILE)

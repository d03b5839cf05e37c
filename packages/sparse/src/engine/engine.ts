import { availableParallelism } from 'node:os'
import { startThreads } from '@pare/wasm/threads'
import type { SparseMatrix } from '../formats.js'
import type { Activation } from '../kernels/activations.js'
import { hasRelaxedSimd, kernelSet, type TileKind } from '../kernels/modules.js'
import { rowsOfGroups } from '../pack.js'
import { type Memory, openMemory } from './memory.js'
import { loadProduct, type SparseProduct } from './product.js'
import { loadNorm, type RowFunction, type RowNorm, runPair } from './rows.js'
import type { EngineSetting } from './setting.js'

export interface EngineOptions {
  /** Sparse weights may have these tiles. */
  readonly kinds: readonly TileKind[]
  /** This one counted. Default: one for each core, at most 16. */
  readonly threads?: number
  /** Whether to use relaxed SIMD. Default: where the engine has it. */
  readonly relaxed?: boolean
}

/** Kernels in a memory of their own, with threads. */
export interface KernelEngine extends AsyncDisposable {
  readonly memory: Memory
  readonly threads: number
  /** Loads a weight. Its kind must be among the engine's; N:M is taken as rows. */
  load(matrix: SparseMatrix, epilogue?: { readonly bias?: Float32Array; readonly activation?: Activation }): SparseProduct
  /** f32[count] at `y` = that at `a` + or · that at `b`. */
  pair(op: 'add' | 'mul', y: number, operands: readonly [a: number, b: number], count: number): void
  /** Loads a normalisation of rows. */
  loadNorm(norm: RowNorm): RowFunction
}

const MOST_THREADS = 16
/** A panel of 512 rows and 32 samples. */
const SCRATCH_BYTES = 65536
/** A portion of an input of one sample, which 16 bits address. */
const INPUT_BYTES = 65536

export async function openEngine({ kinds, threads, relaxed = hasRelaxedSimd() }: EngineOptions): Promise<KernelEngine> {
  const count = Math.max(1, Math.min(threads ?? availableParallelism(), MOST_THREADS))
  const kind = count > 1 ? 'shared' : 'plain'
  const memory = openMemory(kind)
  const x = memory.allocate(INPUT_BYTES + 4 * Math.max(0, ...kinds.map(({ columns }) => columns)), 'an input')
  const { bytes, numbers } = kernelSet(withElements(kinds), { relaxed, memory: kind, x })
  const module = new WebAssembly.Module(bytes)
  const pool = await startThreads({
    count,
    module,
    kernels: [...numbers.keys()],
    memory: memory.memory,
    allocate: memory.allocate,
    scratch: SCRATCH_BYTES,
  })
  const setting: EngineSetting = {
    memory,
    relaxed,
    count,
    numbers,
    threads: pool,
    x,
    area: sharedArea(memory),
    packed: { is: '' },
  }
  return {
    memory,
    threads: count,
    load: (matrix, epilogue = {}) => loadProduct(setting, matrix.kind === 'groups' ? rowsOfGroups(matrix) : matrix, epilogue),
    pair: (op, y, operands, count) => runPair(setting, { op, y, operands, count }),
    loadNorm: (norm) => loadNorm(setting, norm),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  }
}

/** Tiles of one output may be taken as single elements. */
function withElements(kinds: readonly TileKind[]): TileKind[] {
  return [...kinds.map(({ values }) => ({ rows: 1, columns: 1, values })), ...kinds]
}

/** One area for the packed samples of all products, which run one after another. It grows. */
function sharedArea(memory: Memory): (bytes: number) => number {
  let area = { address: 0, bytes: 0 }
  return (bytes) => {
    if (bytes > area.bytes) area = { address: memory.allocate(bytes, 'the packed input'), bytes }
    return area.address
  }
}

import { BUCKETS } from '../keys.js'

// Memory of the vector loops: header · scratch · counts · weights that were copied · buffers that weights are read into · results · positions ·
// listed steps · statistics, one after another.

/** Most weights of a call, where they were read into a buffer. */
export const CAPACITY = 1 << 18
/** Most weights of a call, where they are copied or have statistics: a page, which copies fastest and stays in the first-level cache. */
export const PIECE = 1 << 10
/** Weights of a step: their number is rounded up to a multiple of it. */
export const STEP = 16
/** One is worked on, three are filled or being filled: one fewer, and the loops wait for reads. */
const READ_AHEAD = 4

/** Words of the header. */
export const HEADER = { below: 0, matches: 1, zeros: 2, odd: 3, notFinite: 4, unfit: 5 } as const
/** The saliencies of a step. */
export const SCRATCH = 1024
const PAGE = 65536
export const COUNTS = PAGE
export const WEIGHTS = COUNTS + 4 * BUCKETS
const READ = WEIGHTS + 4 * PIECE
const BUFFER_BYTES = 4 * CAPACITY
export const RESULTS = READ + BUFFER_BYTES * READ_AHEAD
export const POSITIONS = RESULTS + 4 * CAPACITY
export const LISTED = POSITIONS + 4 * CAPACITY
const STATISTICS = LISTED + (4 * CAPACITY) / STEP

/** Address of the values of the statistic with this index. */
export const statisticsAt = (index: number): number => STATISTICS + 4 * PIECE * index

/** The memory of loops over an expression with these statistics. */
export function openMemory(keys: readonly string[]) {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(statisticsAt(keys.length) / PAGE) })
  const { buffer } = memory
  const areas = {
    header: new Uint32Array(buffer, 0, Object.keys(HEADER).length),
    counts: new Uint32Array(buffer, COUNTS, BUCKETS),
    weights: new Float32Array(buffer, WEIGHTS, PIECE),
    buffers: Array.from({ length: READ_AHEAD }, (_, i) => new Uint8Array(buffer, READ + BUFFER_BYTES * i, BUFFER_BYTES)),
    results: new Float32Array(buffer, RESULTS, CAPACITY),
    bits: new Uint32Array(buffer, RESULTS, CAPACITY),
    positions: new Uint32Array(buffer, POSITIONS, CAPACITY),
    statistics: keys.map((key, i) => ({ key, values: new Float32Array(buffer, statisticsAt(i), PIECE) })),
  }
  return { memory, areas }
}

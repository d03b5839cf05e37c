import type { PackedRows, StoredValues } from '../formats.js'
import type { ChunkOf } from './chunks.js'

/** Single elements as the kernel for one sample reads them: four rows at a time, which have about equally many. */
export interface SlicedRows {
  readonly out: number
  readonly in: number
  /** Blocks of up to `SLICED_INPUTS` inputs; x lies in memory with a zero after each. */
  readonly blocks: number
  readonly chunks: readonly SlicedChunk[]
}

export interface SlicedChunk extends ChunkOf {
  readonly blocks: readonly SlicedBlock[]
}

export interface SlicedBlock {
  readonly slices: number
  /**
   * For each slice the numbers of its four rows within the chunk and half its width, then for each two steps eight bytes from the block's x on:
   * four of one step, four of the next. What a row lacks points to the zero after x.
   */
  readonly indices: Uint16Array
  /** Four for each step. */
  readonly values: StoredValues
}

/** Most inputs of a block: 16 bits hold the offset in bytes of one more. */
export const SLICED_INPUTS = 16383

/** Sorts rows by their entries (SELL-4-σ, Kreutzer et al. 2014, arXiv 1307.6209, σ a chunk). */
export function sliced(matrix: PackedRows, chunks: readonly ChunkOf[]): SlicedRows {
  const blocks = Math.max(1, Math.ceil(matrix.in / SLICED_INPUTS))
  return {
    out: matrix.out,
    in: matrix.in,
    blocks,
    chunks: chunks.map((chunk) => ({
      ...chunk,
      blocks: Array.from({ length: blocks }, (_, block) => slice(matrix, chunk, block)),
    })),
  }
}

function slice({ in: inputs, starts, columns, values }: PackedRows, { firstRow, rows }: ChunkOf, block: number): SlicedBlock {
  const from = block * SLICED_INPUTS
  const end = Math.min(from + SLICED_INPUTS, inputs)
  const first = new Uint32Array(rows)
  const counts = new Uint32Array(rows)
  for (let row = 0; row < rows; row++) {
    const last = starts[firstRow + row + 1]!
    let t = starts[firstRow + row]!
    while (t < last && columns[t]! < from) t++
    first[row] = t
    while (t < last && columns[t]! < end) t++
    counts[row] = t - first[row]!
  }
  const order = Uint32Array.from({ length: rows }, (_, row) => row).filter((row) => counts[row]! > 0)
  order.sort((a, b) => counts[a]! - counts[b]! || a - b)
  const slices = Math.ceil(order.length / 4)
  const members = (s: number) => [0, 1, 2, 3].map((lane) => order[Math.min(4 * s + lane, order.length - 1)]!)
  const width = (s: number) => Math.ceil(counts[order[Math.min(4 * s + 3, order.length - 1)]!]! / 2)
  let steps = 0
  for (let s = 0; s < slices; s++) steps += 2 * width(s)
  const indices = new Uint16Array(5 * slices + 4 * steps)
  const target = values instanceof Float32Array ? new Float32Array(4 * steps) : new Uint16Array(4 * steps)
  let at = 0
  let valueAt = 0
  for (let s = 0; s < slices; s++) {
    const four = members(s)
    indices.set([...four, width(s)], at)
    at += 5
    for (let j = 0; j < 2 * width(s); j++) {
      for (let lane = 0; lane < 4; lane++) {
        const row = four[lane]!
        // A row that stands there only to fill the slice adds nothing.
        const has = j < counts[row]! && 4 * s + lane < order.length
        const t = first[row]! + j
        indices[at++] = 4 * (has ? columns[t]! - from : end - from)
        target[valueAt++] = has ? values[t]! : 0
      }
    }
  }
  return { slices, indices, values: target }
}

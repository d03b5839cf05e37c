import type { PackedRows, PackedTiles } from '../formats.js'
import type { ChunkOf } from './chunks.js'

/** A sparse weight as the kernels for panels of samples read it. */
export interface BlockedWeight {
  readonly out: number
  readonly in: number
  readonly tileRows: number
  readonly tileColumns: number
  /** Inputs of a block, a multiple of `tileColumns`; the last may have fewer. */
  readonly blockInputs: number
  readonly blocks: number
  readonly chunks: readonly BlockedChunk[]
}

/**
 * The tiles of a chunk, block of inputs by block of inputs. Within a block bands are in the order of how many tiles they have there; those with equally many
 * are a class, those with none are left out.
 */
export interface BlockedChunk extends ChunkOf {
  /** For each block the number of its classes, then for each class tiles of a band | bands · 2^16. */
  readonly headers: Uint32Array
  /** For each band its number within the chunk, then for each of its tiles the first input within the block. */
  readonly indices: Uint16Array
  /** For each tile its elements, those of an input one after another. */
  readonly values: Float32Array
}

/** Linear in tiles, and in bands × blocks. */
export function blocked(
  matrix: PackedRows<Float32Array> | PackedTiles<Float32Array>,
  chunks: readonly ChunkOf[],
  blockInputs: number,
): BlockedWeight {
  const { out, in: inputs } = matrix
  const { tileRows, tileColumns } = matrix.kind === 'tiles' ? matrix : { tileRows: 1, tileColumns: 1 }
  const size = blockInputs - (blockInputs % tileColumns)
  const blocks = Math.max(1, Math.ceil(inputs / size))
  const source = { matrix, tileRows, tileColumns, size, blocks }
  return {
    out,
    in: inputs,
    tileRows,
    tileColumns,
    blockInputs: size,
    blocks,
    chunks: chunks.map((chunk) => blockChunk(source, chunk)),
  }
}

interface Source {
  readonly matrix: PackedRows<Float32Array> | PackedTiles<Float32Array>
  readonly tileRows: number
  readonly tileColumns: number
  readonly size: number
  readonly blocks: number
}

function blockChunk({ matrix, tileRows, tileColumns, size, blocks }: Source, chunk: ChunkOf): BlockedChunk {
  const { starts, columns, values } = matrix
  const first = chunk.firstRow / tileRows
  const bands = Math.ceil(chunk.rows / tileRows)
  const tiles = starts[first + bands]! - starts[first]!
  const area = tileRows * tileColumns
  const headers: number[] = []
  // At most one band number for each block in which a band has tiles.
  const indices = new Uint16Array(tiles + Math.min(tiles, bands * blocks))
  const target = new Float32Array(tiles * area)
  const next = starts.slice(first, first + bands)
  const counts = new Uint32Array(bands)
  let at = 0
  let valueAt = 0
  for (let block = 0; block < blocks; block++) {
    const from = block * size
    const end = (from + size) / tileColumns
    let most = 0
    for (let band = 0; band < bands; band++) {
      const last = starts[first + band + 1]!
      let t = next[band]!
      while (t < last && columns[t]! < end) t++
      counts[band] = t - next[band]!
      most = Math.max(most, counts[band]!)
    }
    const classes = classesOf(counts, most)
    headers.push(classes.length)
    for (const { count, members } of classes) {
      headers.push((count | (members.length << 16)) >>> 0)
      for (const band of members) {
        indices[at++] = band
        for (let t = next[band]!; t < next[band]! + count; t++) {
          indices[at++] = columns[t]! * tileColumns - from
          if (area === 1) target[valueAt++] = values[t]!
          else
            for (let column = 0; column < tileColumns; column++)
              for (let row = 0; row < tileRows; row++) target[valueAt++] = values[t * area + row * tileColumns + column]!
        }
        next[band]! += count
      }
    }
  }
  return { ...chunk, headers: Uint32Array.from(headers), indices: indices.subarray(0, at), values: target }
}

interface Class {
  readonly count: number
  readonly members: readonly number[]
}

/** Bands with equally many tiles, fewest first, without those that have none. */
function classesOf(counts: Uint32Array, most: number): Class[] {
  const members: number[][] = Array.from({ length: most + 1 }, () => [])
  for (let band = 0; band < counts.length; band++) members[counts[band]!]!.push(band)
  return members.flatMap((each, count) => (count > 0 && each.length > 0 ? [{ count, members: each }] : []))
}

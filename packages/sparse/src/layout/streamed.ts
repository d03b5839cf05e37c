import type { PackedRows, PackedTiles, StoredValues } from '../formats.js'
import { tileSizeOf } from '../pack.js'
import type { ChunkOf } from './chunks.js'

/** A sparse weight as the kernels for one sample read it: each stream once, from its first byte to its last. */
export interface StreamedWeight {
  /** Inputs that lie in memory at a time, a multiple of a tile's; the last portion may have fewer. */
  readonly portionInputs: number
  readonly portions: number
  readonly chunks: readonly StreamedChunk[]
}

export interface StreamedChunk extends ChunkOf {
  /** One for each portion of inputs. */
  readonly streams: readonly WeightStream[]
}

/**
 * Bands one after another. A band is four rows of single elements, or the outputs of one row of tiles; each line of it has `depth` entries in a step. In
 * memory: for each line u16, its number within the chunk; u16 steps; up to a multiple of four bytes; then for each step the entries' places, u16[depth,
 * lines], in bytes from the portion's x on, and their values [depth, lines, elements of a tile]. What a line lacks has the value 0 and the place after x, where
 * zeros lie.
 */
export interface WeightStream {
  readonly bands: number
  readonly bytes: Uint8Array
}

/** How a band lies in a stream. */
export interface BandShape {
  readonly lines: number
  readonly depth: number
  readonly headerBytes: number
}

/** Of single elements four rows make the lanes of a vector; four tiles in a step keep a sum from waiting for the one before it. */
export const bandShape = (area: number): BandShape =>
  area === 1 ? { lines: 4, depth: 2, headerBytes: 12 } : { lines: 1, depth: 4, headerBytes: 4 }

/** Most inputs of a portion: 16 bits hold the place in bytes of one more. */
const MOST_INPUTS = 16383
/**
 * Bytes of x and of the band that reads it which stay in a first-level cache of 32 KiB while the next band is read: with all of 4096 inputs products took
 * 1.5 to 2 times as long.
 */
const CACHED = 12288

/** Linear in entries, and in lines × blocks. Lines are sorted by their entries within a chunk (SELL-C-σ, Kreutzer et al. 2014, arXiv 1307.6209). */
export function streamed(matrix: PackedRows | PackedTiles, chunks: readonly ChunkOf[]): StreamedWeight {
  const { tileRows, tileColumns } = tileSizeOf(matrix)
  const area = tileRows * tileColumns
  const portionInputs = MOST_INPUTS - (MOST_INPUTS % tileColumns)
  const shape = bandShape(area)
  const entryBytes = 2 + area * matrix.values.BYTES_PER_ELEMENT
  const lines = matrix.starts.length - 1
  const perInput = (shape.lines * entryBytes * matrix.columns.length) / Math.max(1, lines * matrix.in)
  const blockInputs = Math.max(tileColumns, Math.floor(CACHED / (4 + perInput) / tileColumns) * tileColumns)
  const source = { matrix, tileRows, tileColumns, shape, entryBytes, blockInputs }
  const portions = Math.max(1, Math.ceil(matrix.in / portionInputs))
  return {
    portionInputs,
    portions,
    chunks: chunks.map((chunk) => {
      const next = matrix.starts.slice(chunk.firstRow / tileRows, Math.ceil((chunk.firstRow + chunk.rows) / tileRows))
      return {
        ...chunk,
        streams: Array.from({ length: portions }, (_, s) =>
          streamOf(source, { next, firstLine: chunk.firstRow / tileRows, from: s * portionInputs, inputs: portionInputs }),
        ),
      }
    }),
  }
}

interface Source {
  readonly matrix: PackedRows | PackedTiles
  readonly tileRows: number
  readonly tileColumns: number
  readonly shape: BandShape
  readonly entryBytes: number
  readonly blockInputs: number
}

interface Part {
  /** The next entry of each line of the chunk, moved on past this part. */
  readonly next: Uint32Array
  readonly firstLine: number
  readonly from: number
  readonly inputs: number
}

interface Band {
  readonly steps: number
  readonly lines: readonly { readonly line: number; readonly first: number; readonly count: number }[]
}

function streamOf(source: Source, part: Part): WeightStream {
  const { shape, entryBytes, blockInputs } = source
  const end = Math.min(part.from + part.inputs, source.matrix.in)
  const bands: Band[] = []
  for (let block = part.from; block < end; block += blockInputs) {
    bands.push(...bandsOf(source, part, Math.min(block + blockInputs, end)))
  }
  const stepBytes = shape.lines * shape.depth * entryBytes
  const bytes = new Uint8Array(bands.reduce((sum, { steps }) => sum + shape.headerBytes + steps * stepBytes, 0))
  let at = 0
  for (const band of bands) {
    writeBand(source, band, { bytes, at, from: part.from, after: end })
    at += shape.headerBytes + band.steps * stepBytes
  }
  return { bands: bands.length, bytes }
}

/** Lines with about equally many entries before input `end` share a band; those without any are left out. */
function bandsOf({ matrix, tileColumns, shape }: Source, { next, firstLine }: Part, end: number): Band[] {
  const lines = Array.from(next, (first, line) => {
    const last = matrix.starts[firstLine + line + 1]!
    let t = first
    while (t < last && matrix.columns[t]! * tileColumns < end) t++
    next[line] = t
    return { line, first, count: t - first }
  }).filter(({ count }) => count > 0)
  lines.sort((a, b) => a.count - b.count || a.line - b.line)
  const bands: Band[] = []
  for (let i = 0; i < lines.length; i += shape.lines) {
    const some = lines.slice(i, i + shape.lines)
    bands.push({ lines: some, steps: Math.ceil(some.at(-1)!.count / shape.depth) })
  }
  return bands
}

interface Place {
  readonly bytes: Uint8Array
  readonly at: number
  readonly from: number
  /** The input behind the portion, where zeros lie. */
  readonly after: number
}

function writeBand({ matrix, tileRows, tileColumns, shape }: Source, band: Band, { bytes, at, from, after }: Place): void {
  const area = tileRows * tileColumns
  const shorts = new Uint16Array(bytes.buffer)
  const values = viewAs(matrix.values, bytes)
  const perStep = shape.lines * shape.depth
  const last = band.lines.at(-1)!
  // What only fills up adds zeros to the last line.
  const lines = Array.from({ length: shape.lines }, (_, i) => band.lines[i] ?? { ...last, count: 0 })
  for (const [i, { line }] of lines.entries()) shorts[at / 2 + i] = line
  shorts[at / 2 + shape.lines] = band.steps
  let to = at + shape.headerBytes
  for (let step = 0; step < band.steps; step++) {
    const valuesAt = (to + 2 * perStep) / values.BYTES_PER_ELEMENT
    for (let entry = 0; entry < perStep; entry++) {
      const { first, count } = lines[entry % shape.lines]!
      const j = step * shape.depth + Math.floor(entry / shape.lines)
      const t = first + j
      shorts[to / 2 + entry] = 4 * ((j < count ? matrix.columns[t]! * tileColumns : after) - from)
      if (j < count) for (let e = 0; e < area; e++) values[valuesAt + entry * area + e] = matrix.values[t * area + e]!
    }
    to += perStep * (2 + area * values.BYTES_PER_ELEMENT)
  }
}

/** Bytes as values of the same kind. */
function viewAs(like: StoredValues, { buffer }: Uint8Array): StoredValues {
  if (like instanceof Float32Array) return new Float32Array(buffer)
  return like instanceof Uint16Array ? new Uint16Array(buffer) : new Int8Array(buffer)
}

import type { PackedRows, PackedTiles } from '../formats.js'

/** Rows that one thread works on at a time. */
export interface ChunkOf {
  /** A multiple of `ROWS_STEP` and of the rows of a tile. */
  readonly firstRow: number
  readonly rows: number
}

/** Rows whose sums for a panel, 64 KiB, stay in the second-level cache. */
const MOST_ROWS = 512
const FEWEST_ROWS = 32
/** Chunks for each thread, so that all end at about the same time. */
const PER_THREAD = 4
/** Vectors of four rows belong to one chunk. */
const ROWS_STEP = 4

/** Divides the rows into chunks with about equally many non-zeros. */
export function chunksOf(matrix: PackedRows | PackedTiles, threads: number): ChunkOf[] {
  const { out, starts } = matrix
  const tileRows = matrix.kind === 'tiles' ? matrix.tileRows : 1
  const step = leastCommonMultiple(ROWS_STEP, tileRows)
  const goal = Math.max(
    Math.ceil(out / MOST_ROWS),
    threads > 1 ? Math.min(PER_THREAD * threads, Math.floor(out / FEWEST_ROWS)) : 1,
  )
  const total = starts.at(-1)!
  // A row counts for something even without entries.
  const weightUpTo = (row: number) => starts[Math.ceil(row / tileRows)]! + (row / out) * (total * 0.05 + 1)
  const most = Math.max(step, MOST_ROWS - (MOST_ROWS % step))
  const chunks: ChunkOf[] = []
  for (let row = 0, count = 0; row < out; count++) {
    const share = (weightUpTo(out) - weightUpTo(row)) / Math.max(1, goal - count)
    let end = row
    do end += step
    while (end < out && end - row < most && weightUpTo(end) - weightUpTo(row) < share - 1e-9)
    chunks.push({ firstRow: row, rows: Math.min(end, out) - row })
    row = end
  }
  return chunks
}

function leastCommonMultiple(a: number, b: number): number {
  for (let multiple = a; ; multiple += a) if (multiple % b === 0) return multiple
}

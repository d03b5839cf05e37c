import type { DeviceMatrix } from './entries.js'

/** Some rows of a weight that a device can bind as a whole. */
export interface Band {
  /** The first of them. */
  readonly first: number
  readonly matrix: DeviceMatrix
}

/** A weight in bands of rows, none of which has an array of more than `most` bytes, unless it is a single row or band of tiles. */
export function bandsOf(matrix: DeviceMatrix, most: number): Band[] {
  const bands: Band[] = []
  const step = stepOf(matrix)
  for (let first = 0; first < matrix.out; ) {
    const last = lastFitting(matrix, { first, step, most })
    bands.push({ first, matrix: rowsOf(matrix, first, last) })
    first = last
  }
  return bands
}

/** Rows that cannot be parted. */
function stepOf(matrix: DeviceMatrix): number {
  switch (matrix.kind) {
    case 'tiles':
      return matrix.tileRows
    // Eight entries share a word.
    case 'groups':
      return 8
    // Two halves or four codes share a word.
    case 'dense':
      return matrix.values instanceof Float32Array ? 1 : 8
    case 'rows':
    case 'bitmap':
      return 1
    default:
      return matrix satisfies never
  }
}

function lastFitting(matrix: DeviceMatrix, { first, step, most }: { first: number; step: number; most: number }): number {
  const from = entriesBefore(matrix, first)
  const wordsOfRow = matrix.kind === 'bitmap' ? 2 * Math.ceil(matrix.in / 32) : 1
  const fits = (last: number) => 4 * Math.max(entriesBefore(matrix, last) - from, wordsOfRow * (last - first) + 1) <= most
  let [low, high] = [1, Math.ceil((matrix.out - first) / step)]
  // The most steps that fit, at least one.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (fits(Math.min(first + middle * step, matrix.out))) low = middle
    else high = middle - 1
  }
  return Math.min(first + low * step, matrix.out)
}

/** Entries of the rows before `row`, which begins a step. */
function entriesBefore(matrix: DeviceMatrix, row: number): number {
  switch (matrix.kind) {
    case 'dense':
      return row * matrix.in
    case 'rows':
      return matrix.starts[row]!
    case 'tiles':
      return matrix.starts[Math.ceil(row / matrix.tileRows)]! * matrix.tileRows * matrix.tileColumns
    case 'groups':
      return row * Math.ceil(matrix.in / matrix.of) * matrix.keep
    case 'bitmap':
      return row === matrix.out ? matrix.values.length : (matrix.words[2 * row * Math.ceil(matrix.in / 32) + 1] ?? 0)
    default:
      return matrix satisfies never
  }
}

function rowsOf(matrix: DeviceMatrix, first: number, last: number): DeviceMatrix {
  const out = last - first
  if (out === matrix.out) return matrix
  const [from, to] = [entriesBefore(matrix, first), entriesBefore(matrix, last)]
  const values = matrix.values.subarray(from, to)
  const scales = 'scales' in matrix && matrix.scales ? { scales: matrix.scales.subarray(first, last) } : {}
  switch (matrix.kind) {
    case 'dense':
      return { ...matrix, out, values, ...scales }
    case 'rows': {
      const starts = matrix.starts.slice(first, last + 1).map((start) => start - from)
      return { ...matrix, out, starts, columns: matrix.columns.subarray(from, to), values, ...scales }
    }
    case 'tiles': {
      const { tileRows, starts, columns } = matrix
      const [band, end] = [first / tileRows, Math.ceil(last / tileRows)]
      const own = starts.slice(band, end + 1).map((start) => start - starts[band]!)
      return { ...matrix, out, starts: own, columns: columns.subarray(starts[band], starts[end]), values, ...scales }
    }
    case 'groups':
      return {
        ...matrix,
        out,
        positions: matrix.positions.subarray(from / 8, Math.ceil(to / 8)),
        values: matrix.values.subarray(from, to),
      }
    case 'bitmap': {
      const perRow = 2 * Math.ceil(matrix.in / 32)
      const words = matrix.words.slice(first * perRow, last * perRow).map((word, i) => (i % 2 === 0 ? word : word - from))
      return { ...matrix, out, words, values, ...scales }
    }
    default:
      return matrix satisfies never
  }
}

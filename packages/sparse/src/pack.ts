import { float16ToFloat32, float32ToFloat16, PareError } from '@pare/onnx'
import type { FloatValues, PackedGroups, PackedRows, PackedTiles } from './formats.js'

/** A weight W[out, in] as its file has it: W[o, i] is `data[o · in + i]`, or where it is transposed `data[i · out + o]`. */
export interface DenseWeight {
  readonly data: Float32Array
  readonly out: number
  readonly in: number
  readonly transposed: boolean
}

export interface SparseTileSize {
  readonly rows: number
  readonly columns: number
}

/** Values as f32, or rounded to halves: exact where the model stores halves. */
export type ValuePrecision = 'f32' | 'f16'

/** Reads the weight twice, in the order in which it is stored. */
export function packRows(weight: DenseWeight, precision: ValuePrecision = 'f32'): PackedRows<FloatValues> {
  const { out, in: inputs } = weight
  const starts = new Uint32Array(out + 1)
  forEachNonZero(weight, (row) => starts[row + 1]!++)
  for (let row = 0; row < out; row++) starts[row + 1]! += starts[row]!
  const columns = inputs <= 65536 ? new Uint16Array(starts[out]!) : new Uint32Array(starts[out]!)
  const values = new Float32Array(starts[out]!)
  const next = starts.slice(0, out)
  forEachNonZero(weight, (row, column, value) => {
    const at = next[row]!++
    columns[at] = column
    values[at] = value
  })
  return { kind: 'rows', out, in: inputs, starts, columns, values: storedValues(values, precision) }
}

/** Keeps each tile that has an element other than zero. Memory for one bit a tile beside the result. */
export function packTiles(
  weight: DenseWeight,
  { rows, columns }: SparseTileSize,
  precision: ValuePrecision = 'f32',
): PackedTiles<FloatValues> {
  const { out, in: inputs } = weight
  const [bands, across] = [Math.ceil(out / rows), Math.ceil(inputs / columns)]
  const present = new Uint8Array(bands * across)
  forEachNonZero(weight, (row, column) => {
    present[Math.floor(row / rows) * across + Math.floor(column / columns)] = 1
  })
  const starts = new Uint32Array(bands + 1)
  for (let band = 0; band < bands; band++) {
    let count = 0
    for (let t = band * across; t < (band + 1) * across; t++) count += present[t]!
    starts[band + 1] = starts[band]! + count
  }
  const numbers = new Uint32Array(present.length)
  const tiles = starts[bands]!
  const tileColumns = across <= 65536 ? new Uint16Array(tiles) : new Uint32Array(tiles)
  for (let t = 0, at = 0; t < present.length; t++) {
    if (present[t] === 0) continue
    tileColumns[at] = t % across
    numbers[t] = at++
  }
  const values = new Float32Array(tiles * rows * columns)
  forEachNonZero(weight, (row, column, value) => {
    const tile = numbers[Math.floor(row / rows) * across + Math.floor(column / columns)]!
    values[(tile * rows + (row % rows)) * columns + (column % columns)] = value
  })
  return {
    kind: 'tiles',
    out,
    in: inputs,
    tileRows: rows,
    tileColumns: columns,
    starts,
    columns: tileColumns,
    values: storedValues(values, precision),
  }
}

/** Throws PareError where a group of `of` inputs has more than `keep` non-zeros, and RangeError for `of` above 16. */
export function packGroups(
  weight: DenseWeight,
  { keep, of }: { readonly keep: number; readonly of: number },
  precision: ValuePrecision = 'f32',
): PackedGroups {
  const { out, in: inputs } = weight
  if (!(keep >= 1 && keep <= of && of <= 16))
    throw new RangeError(`groups of ${keep} of ${of}: at most 16, and 1 to all of them kept`)
  const groups = Math.ceil(inputs / of)
  const counts = new Uint8Array(out * groups)
  const places = new Uint8Array(out * groups * keep)
  const values = new Float32Array(places.length)
  forEachNonZero(weight, (row, column, value) => {
    const group = row * groups + Math.floor(column / of)
    const at = group * keep + counts[group]!
    if (counts[group]!++ === keep) {
      throw new PareError(
        `sparse: row ${row} has more than ${keep} non-zeros in inputs ${column - (column % of)} to ${column - (column % of) + of - 1}.`,
        {
          hint: `prune the weight with nm:n=${keep},m=${of}, or pack it as rows.`,
        },
      )
    }
    places[at] = column % of
    values[at] = value
  })
  const positions = new Uint32Array(Math.ceil(places.length / 8))
  for (let group = 0; group < counts.length; group++) {
    fillUp(places.subarray(group * keep, (group + 1) * keep), values.subarray(group * keep, (group + 1) * keep), counts[group]!)
  }
  for (let e = 0; e < places.length; e++) positions[e >> 3]! |= places[e]! << (4 * (e & 7))
  return { kind: 'groups', out, in: inputs, keep, of, positions, values: storedValues(values, precision) }
}

/** Gives what is missing in a group the lowest free positions, and puts all in order. */
function fillUp(places: Uint8Array, values: Float32Array, count: number): void {
  if (count === places.length) return
  const entries = new Map(Array.from(places.subarray(0, count), (place, i) => [place, values[i]!]))
  for (let free = 0; entries.size < places.length; free++) if (!entries.has(free)) entries.set(free, 0)
  for (const [i, [place, value]] of [...entries].sort(([a], [b]) => a - b).entries()) {
    places[i] = place
    values[i] = value
  }
}

/** The entries of groups as compressed rows, for kernels that know no groups: without those that only fill up. */
export function rowsOfGroups({ out, in: inputs, keep, of, positions, values }: PackedGroups): PackedRows<FloatValues> {
  const perRow = Math.ceil(inputs / of) * keep
  const starts = new Uint32Array(out + 1)
  const columns = inputs <= 65536 ? new Uint16Array(values.length) : new Uint32Array(values.length)
  const packed = values.slice()
  let at = 0
  for (let row = 0; row < out; row++) {
    for (let e = row * perRow; e < (row + 1) * perRow; e++) {
      // A half that is −0 has a bit set, and is as good as none.
      if (values[e] === 0 || (values instanceof Uint16Array && values[e] === 0x8000)) continue
      columns[at] = Math.floor((e - row * perRow) / keep) * of + ((positions[e >> 3]! >>> (4 * (e & 7))) & 15)
      packed[at++] = values[e]!
    }
    starts[row + 1] = at
  }
  return { kind: 'rows', out, in: inputs, starts, columns: columns.subarray(0, at), values: packed.subarray(0, at) }
}

/** Tiles of one output as single elements, with their zeros. */
export function singleElements({
  out,
  in: inputs,
  tileColumns,
  starts,
  columns,
  values,
}: PackedTiles<Float32Array>): PackedRows<Float32Array> {
  const make = (length: number) => (inputs <= 65536 ? new Uint16Array(length) : new Uint32Array(length))
  const all = make(values.length)
  const packed = new Float32Array(values.length)
  const rowStarts = new Uint32Array(out + 1)
  let at = 0
  for (let row = 0; row < out; row++) {
    for (let t = starts[row]!; t < starts[row + 1]!; t++)
      for (let c = 0, column = columns[t]! * tileColumns; c < tileColumns && column < inputs; c++, column++) {
        all[at] = column
        packed[at++] = values[t * tileColumns + c]!
      }
    rowStarts[row + 1] = at
  }
  return { kind: 'rows', out, in: inputs, starts: rowStarts, columns: all.subarray(0, at), values: packed.subarray(0, at) }
}

/** In the order of storage. NaN counts as an element. */
function forEachNonZero(
  { data, out, in: inputs, transposed }: DenseWeight,
  use: (row: number, column: number, value: number) => void,
): void {
  const [outer, inner] = transposed ? [inputs, out] : [out, inputs]
  for (let a = 0, at = 0; a < outer; a++)
    for (let b = 0; b < inner; b++, at++) {
      const value = data[at]!
      if (value !== 0) transposed ? use(b, a, value) : use(a, b, value)
    }
}

/** The same with values as f32. */
export function widened(matrix: PackedRows | PackedTiles): PackedRows<Float32Array> | PackedTiles<Float32Array> {
  const { scales, ...others } = matrix
  return { ...others, values: floatsOf(matrix) }
}

function floatsOf(matrix: PackedRows | PackedTiles): Float32Array {
  const { values, scales } = matrix
  if (values instanceof Float32Array) return values
  if (values instanceof Uint16Array) return float16ToFloat32(values)
  const floats = new Float32Array(values.length)
  forEachEntry(matrix, (at, row) => {
    floats[at] = values[at]! * scales![row]!
  })
  return floats
}

/** Each stored element with its output. Of tiles at the edge, elements past the last output are left out. */
function forEachEntry(matrix: PackedRows | PackedTiles, use: (at: number, row: number) => void): void {
  const { tileRows, tileColumns } = tileSizeOf(matrix)
  const area = tileRows * tileColumns
  for (let line = 0; line + 1 < matrix.starts.length; line++)
    for (let at = matrix.starts[line]! * area; at < matrix.starts[line + 1]! * area; at++) {
      const row = line * tileRows + Math.floor((at % area) / tileColumns)
      if (row < matrix.out) use(at, row)
    }
}

/** Single elements are tiles of 1 × 1. */
export function tileSizeOf(matrix: PackedRows | PackedTiles): { readonly tileRows: number; readonly tileColumns: number } {
  return matrix.kind === 'tiles' ? matrix : { tileRows: 1, tileColumns: 1 }
}

/** The same with values as codes of 8 bits, where every one of them is a code times the scale of its output; else the matrix itself. `scales`: f32[out] */
export function asCodes(matrix: PackedRows | PackedTiles, scales: Float32Array): PackedRows | PackedTiles {
  const { values } = matrix
  if (!(values instanceof Float32Array)) return matrix
  const codes = new Int8Array(values.length)
  let exact = true
  forEachEntry(matrix, (at, row) => {
    codes[at] = Math.round(values[at]! / scales[row]!)
    exact &&= Math.fround(codes[at]! * scales[row]!) === values[at]!
  })
  return exact ? { ...matrix, values: codes, scales } : matrix
}

/** The same with values as halves, where every one of them is a finite half; else the matrix itself. */
export function asHalves(matrix: PackedRows | PackedTiles): PackedRows | PackedTiles {
  const { values } = matrix
  if (!(values instanceof Float32Array)) return matrix
  const halves = float32ToFloat16(values)
  const widened = float16ToFloat32(halves)
  // A difference is NaN where either is infinite or NaN.
  for (let i = 0; i < values.length; i++) if (values[i]! - widened[i]! !== 0) return matrix
  return { ...matrix, values: halves }
}

function storedValues(values: Float32Array, precision: ValuePrecision): FloatValues {
  return precision === 'f16' ? float32ToFloat16(values) : values
}

/** Share of the elements of stored tiles that must not be zero for tiles to pay: they are about 1.2 times as fast for an element, and take less memory. */
const FULL = 0.8
const TILES: readonly SparseTileSize[] = [
  { rows: 4, columns: 1 },
  { rows: 1, columns: 4 },
]

/** Tiles of four outputs or four inputs where the zeros lie in such, else single elements. Larger tiles along an axis consist of these. */
export function chooseFormat(
  weight: DenseWeight,
  precision: ValuePrecision = 'f32',
): PackedRows<FloatValues> | PackedTiles<FloatValues> {
  const rows = packRows(weight, precision)
  const entries = rows.values.length
  for (const size of entries === 0 ? [] : TILES) {
    if (entries >= FULL * size.rows * size.columns * countTiles(rows, size)) return packTiles(weight, size, precision)
  }
  return rows
}

function countTiles({ out, in: inputs, starts, columns }: PackedRows, size: SparseTileSize): number {
  const seen = new Int32Array(Math.ceil(inputs / size.columns)).fill(-1)
  let count = 0
  for (let row = 0; row < out; row++) {
    const band = Math.floor(row / size.rows)
    for (let t = starts[row]!; t < starts[row + 1]!; t++) {
      const tile = Math.floor(columns[t]! / size.columns)
      if (seen[tile] === band) continue
      seen[tile] = band
      count++
    }
  }
  return count
}

import { bytesOf, chunks, type DataType, elementCount, isFloat, type Payload, valuesOf } from '@pare/onnx'

/** Rows or columns of a matrix, each as a hash of 53 bits of its elements in their order. Equal hashes are taken for equal numbers. */
export interface Strips {
  /** f64[strips] of whole numbers. */
  readonly hashes: Float64Array
  /** Elements of a strip. */
  readonly length: number
}

/** A matrix as its rows and its columns: a matrix that is turned over has them the other way round. */
export type MatrixStrips = readonly [rows: Strips, columns: Strips]

/** A tensor, with the axes of size 1 left out: a vector is a matrix of one column, more axes than two are rows of all that lies behind the first. */
export interface MatrixForms {
  readonly whole: MatrixStrips
  /** Of a tensor of three axes: each position of the first. Else none. */
  readonly planes: readonly MatrixStrips[]
}

export interface StripSource {
  readonly type: DataType
  readonly shape: readonly number[]
  readonly data: Payload
}

/** Sizes without those of 1. */
export function squeezed(shape: readonly number[]): readonly number[] {
  return shape.filter((size) => size !== 1)
}

/** Hashes of a tensor's numbers, once they are rounded to floats of `type` (those of f64 to f32). One pass over it, a chunk at a time. */
export async function stripsOf(tensor: StripSource, type: DataType): Promise<MatrixForms> {
  const sizes = squeezed(tensor.shape)
  const elements = elementCount(sizes)
  const rows = sizes[0] ?? 1
  const whole = new StripHashes(rows, elements / rows)
  const planes =
    sizes.length === 3 ? Array.from({ length: rows }, () => new StripHashes(sizes[1]!, sizes[2]!)) : ([] as StripHashes[])
  const plane = elements / rows
  let at = 0
  for await (const { bytes } of chunks(tensor.data)) {
    const words = wordsOf(roundedTo(type, tensor.type, bytes))
    whole.add(words, at)
    for (let done = 0; planes.length > 0 && done < words.length; ) {
      const [index, from] = [Math.floor((at + done) / plane), (at + done) % plane]
      const count = Math.min(plane - from, words.length - done)
      planes[index]!.add(words.subarray(done, done + count), from)
      done += count
    }
    at += words.length
  }
  return { whole: whole.matrix(), planes: planes.map((each) => each.matrix()) }
}

/** Numbers as f32, rounded to nearest even where `to` has fewer bits. */
function roundedTo(to: DataType, from: DataType, bytes: Uint8Array): Float32Array {
  const values = valuesOf(from, bytes)
  const isCoarser = isFloat(to) && to !== from && to !== 'float32' && to !== 'float64'
  const rounded = isCoarser ? valuesOf(to, bytesOf(to, values as Float32Array)) : values
  return rounded instanceof Float32Array ? rounded : Float32Array.from(rounded as Float64Array)
}

function wordsOf(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length)
}

/** The bits of −0, which equals 0. */
const NEGATIVE_ZERO = 0x80000000 | 0

class StripHashes {
  readonly #rows: Lanes
  readonly #columns: Lanes

  constructor(rows: number, columns: number) {
    this.#rows = lanes(rows)
    this.#columns = lanes(columns)
  }

  /** Adds elements from place `at` on, row by row. Multipliers: those of xxHash32 (Collet) and MurmurHash3 (Appleby). */
  add(words: Int32Array, at: number): void {
    const { first: rowFirst, second: rowSecond } = this.#rows
    const { first: columnFirst, second: columnSecond } = this.#columns
    const columns = columnFirst.length
    let row = Math.floor(at / columns)
    let column = at - row * columns
    const { length } = words
    for (let i = 0; i < length; i++) {
      const bits = words[i]! === NEGATIVE_ZERO ? 0 : words[i]!
      const alongRow = Math.imul(column + 1, 0x9e3779b1)
      let a = Math.imul(bits ^ alongRow, 0x85ebca6b)
      a ^= a >>> 15
      a = Math.imul(a, 0xc2b2ae35)
      let b = Math.imul(bits + alongRow, 0x165667b1)
      b ^= b >>> 16
      rowFirst[row] = rowFirst[row]! + (a ^ (a >>> 13))
      rowSecond[row] = rowSecond[row]! + Math.imul(b, 0x27d4eb2f)
      const alongColumn = Math.imul(row + 1, 0x9e3779b1)
      a = Math.imul(bits ^ alongColumn, 0x85ebca6b)
      a ^= a >>> 15
      a = Math.imul(a, 0xc2b2ae35)
      b = Math.imul(bits + alongColumn, 0x165667b1)
      b ^= b >>> 16
      columnFirst[column] = columnFirst[column]! + (a ^ (a >>> 13))
      columnSecond[column] = columnSecond[column]! + Math.imul(b, 0x27d4eb2f)
      if (++column === columns) {
        column = 0
        row++
      }
    }
  }

  matrix(): MatrixStrips {
    const [rows, columns] = [hashesOf(this.#rows), hashesOf(this.#columns)]
    return [
      { hashes: rows, length: columns.length },
      { hashes: columns, length: rows.length },
    ]
  }
}

/** Two sums for each strip, modulo 2³². */
interface Lanes {
  readonly first: Int32Array
  readonly second: Int32Array
}

const lanes = (count: number): Lanes => ({ first: new Int32Array(count), second: new Int32Array(count) })

function hashesOf({ first, second }: Lanes): Float64Array {
  return Float64Array.from(first, (a, i) => (a >>> 0) * 2 ** 21 + (second[i]! >>> 11))
}

/** Whether strips from `start` on are those of `part`, all of them. */
export function holdsAt(whole: Strips, part: Strips, start: number): boolean {
  const { hashes } = part
  if (whole.length !== part.length || start + hashes.length > whole.hashes.length) return false
  for (let i = 0; i < hashes.length; i++) if (whole.hashes[start + i] !== hashes[i]) return false
  return true
}

import type { DataType } from '../model.js'
import { byteLength } from './datatype.js'
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './float16.js'

/** Numbers of a tensor in JavaScript: bigint for 64-bit integers, half precision widened, 4-bit and 2-bit types one a number. */
export type Values =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

type View = { new (buffer: ArrayBuffer, offset: number, length: number): Values; readonly BYTES_PER_ELEMENT: number }

const VIEWS: Partial<Record<DataType, View>> = {
  float32: Float32Array as View,
  float64: Float64Array as View,
  uint8: Uint8Array as View,
  int8: Int8Array as View,
  bool: Uint8Array as View,
  uint16: Uint16Array as View,
  int16: Int16Array as View,
  uint32: Uint32Array as View,
  int32: Int32Array as View,
  uint64: BigUint64Array as View,
  int64: BigInt64Array as View,
}

/**
 * The elements of raw data as numbers: a view where type and alignment allow it, else a copy. Throws RangeError for types that
 * JavaScript has no numbers for (8-bit and smaller floats, complex, string).
 */
export function valuesOf(type: DataType, bytes: Uint8Array): Values {
  if (type === 'float16') return float16ToFloat32(wordsOf(bytes))
  if (type === 'bfloat16') return bfloat16ToFloat32(wordsOf(bytes))
  const small = SMALL[type]
  if (small !== undefined) return unpacked(small, bytes)
  const view = VIEWS[type]
  if (view === undefined) throw new RangeError(`values of ${type} have no form in JavaScript: use the bytes`)
  const aligned = bytes.byteOffset % view.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice()
  return new view(aligned.buffer as ArrayBuffer, aligned.byteOffset, Math.floor(aligned.byteLength / view.BYTES_PER_ELEMENT))
}

/** Raw data of numbers: the inverse of `valuesOf`. Floats are rounded to the type, integers taken modulo its size. */
export function bytesOf(type: DataType, values: ArrayLike<number | bigint>): Uint8Array<ArrayBuffer> {
  if (type === 'float16') return new Uint8Array(float32ToFloat16(Float32Array.from(values, Number)).buffer as ArrayBuffer)
  if (type === 'bfloat16') return new Uint8Array(float32ToBfloat16(Float32Array.from(values, Number)).buffer as ArrayBuffer)
  const small = SMALL[type]
  if (small !== undefined) return packed(type, small, values)
  const view = VIEWS[type]
  if (view === undefined) throw new RangeError(`values of ${type} have no form in JavaScript: use the bytes`)
  const bytes = new Uint8Array(byteLength(type, values.length))
  const target = new view(bytes.buffer, 0, values.length)
  const { length } = values
  if (target instanceof BigInt64Array || target instanceof BigUint64Array) {
    for (let i = 0; i < length; i++) target[i] = BigInt(values[i]!)
  } else {
    for (let i = 0; i < length; i++) target[i] = Number(values[i]!)
  }
  return bytes
}

interface Small {
  readonly bits: 2 | 4
  readonly signed: boolean
}

const SMALL: Partial<Record<DataType, Small>> = {
  int4: { bits: 4, signed: true },
  uint4: { bits: 4, signed: false },
  int2: { bits: 2, signed: true },
  uint2: { bits: 2, signed: false },
}

function unpacked({ bits, signed }: Small, bytes: Uint8Array): Int8Array | Uint8Array {
  const perByte = 8 / bits
  const values = signed ? new Int8Array(bytes.length * perByte) : new Uint8Array(bytes.length * perByte)
  for (let i = 0; i < values.length; i++) {
    const shifted = bytes[Math.floor(i / perByte)]! << (24 + 8 - bits - bits * (i % perByte))
    values[i] = signed ? shifted >> (32 - bits) : shifted >>> (32 - bits)
  }
  return values
}

function packed(type: DataType, { bits }: Small, values: ArrayLike<number | bigint>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteLength(type, values.length))
  const perByte = 8 / bits
  for (let i = 0; i < values.length; i++) {
    bytes[Math.floor(i / perByte)]! |= (Number(values[i]!) & (2 ** bits - 1)) << (bits * (i % perByte))
  }
  return bytes
}

function wordsOf(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice()
  return new Uint16Array(aligned.buffer, aligned.byteOffset, Math.floor(aligned.byteLength / 2))
}

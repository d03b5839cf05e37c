import type { DataType } from '../model.js'
import { bitsOf } from './datatype.js'
import { ELEMENT_FIELDS, FIXED32, FIXED64, RAW_DATA, VARINT } from './fields.js'

/** Elements of a tensor as they stand in the file: one field of TensorProto, without tag and length (or, if loose, with them). */
export interface CodedPart {
  readonly field: number
  readonly loose: boolean
  readonly bytes: Uint8Array
}

/**
 * The elements as in raw_data, from any of the fields that may hold them: int32_data carries the bits of the small types, one
 * element a number (4-bit types: one byte, that is two elements), uint64_data those of uint32, float_data complex64 in pairs.
 * Undefined when the parts do not hold exactly `byteLength` bytes.
 */
export function elementsOf(type: DataType, byteLength: number, parts: readonly CodedPart[]): Uint8Array | undefined {
  const target = new Uint8Array(byteLength)
  const width = Math.max(1, bitsOf(type) / 8)
  let filled = 0
  // raw_data is one value, of which protobuf keeps the last; the others are lists, whose pieces follow each other.
  const raw = parts.findLast((part) => part.field === RAW_DATA)
  for (const part of raw === undefined ? parts : [raw]) {
    const coded = ELEMENT_FIELDS.get(part.field)!
    const from = { bytes: part.bytes, tagged: part.loose }
    filled = coded === VARINT ? varints(from, target, { filled, width }) : copy(from, target, { filled, coded })
    if (filled < 0) return undefined
  }
  return filled === byteLength ? target : undefined
}

interface From {
  readonly bytes: Uint8Array
  /** Each element has a tag (of one byte) before it. */
  readonly tagged: boolean
}

/** Little-endian elements of fixed width, copied. Returns how far `target` is filled; -1: more than fits. */
function copy(from: From, target: Uint8Array, to: { readonly filled: number; readonly coded: number }): number {
  const { bytes, tagged } = from
  if (!tagged) {
    if (to.filled + bytes.length > target.length) return -1
    target.set(bytes, to.filled)
    return to.filled + bytes.length
  }
  const width = to.coded === FIXED32 ? 4 : to.coded === FIXED64 ? 8 : bytes.length
  let filled = to.filled
  for (let at = 1; at < bytes.length; at += width + 1) {
    if (filled + width > target.length) return -1
    target.set(bytes.subarray(at, at + width), filled)
    filled += width
  }
  return filled
}

/** Each varint gives its lowest `width` bytes. Returns how far `target` is filled; -1: more than fits, or a varint is cut off. */
function varints(from: From, target: Uint8Array, to: { readonly filled: number; readonly width: number }): number {
  const { bytes, tagged } = from
  const { width } = to
  const { length } = bytes
  let { filled } = to
  let at = 0
  while (at < length) {
    if (tagged) at++
    let low = 0
    let high = 0
    let shift = 0
    let byte = 0x80
    for (; byte >= 0x80 && at < length; shift += 7) {
      byte = bytes[at++]!
      const seven = byte & 0x7f
      if (shift < 28) low |= seven << shift
      else if (shift === 28) {
        low |= seven << 28
        high |= seven >>> 4
      } else if (shift < 64) high |= seven << (shift - 32)
    }
    if (byte >= 0x80 || shift > 70 || filled + width > target.length) return -1
    for (let i = 0; i < width; i++) target[filled++] = (i < 4 ? low >>> (8 * i) : high >>> (8 * (i - 4))) & 0xff
  }
  return filled
}

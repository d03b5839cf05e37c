import { noBits, setBit } from '@pare/core'

/** How an element of a mask is stored. */
export interface MaskElement {
  /** Bytes. */
  readonly width: 1 | 2 | 4 | 8
  /** Of floats, the upper bits of +∞. Beyond it is NaN. Undefined: it is a bool or an integer */
  readonly infinity?: number
}

/** By the names that arrays and models have for them. */
export const MASK_ELEMENTS = {
  bool: { width: 1 },
  int8: { width: 1 },
  uint8: { width: 1 },
  int16: { width: 2 },
  uint16: { width: 2 },
  int32: { width: 4 },
  uint32: { width: 4 },
  int64: { width: 8 },
  uint64: { width: 8 },
  float16: { width: 2, infinity: 0x7c00 },
  bfloat16: { width: 2, infinity: 0x7f80 },
  float32: { width: 4, infinity: 0x7f800000 },
  float64: { width: 8, infinity: 0x7ff00000 },
} as const satisfies Readonly<Record<string, MaskElement>>

/** Which elements of a mask are zero, collected piece by piece. */
export class ZeroBits {
  readonly bits: Uint8Array
  #at = 0

  constructor(elements: number) {
    this.bits = noBits(elements)
  }

  /** Adds whole elements, little-endian. Gives the position of the first NaN, or undefined. */
  add(bytes: Uint8Array, { width, infinity }: MaskElement): number | undefined {
    const words = wordsOf(bytes, width)
    const step = width === 8 ? 2 : 1
    // The sign of a zero is of no account.
    const magnitudeBits = infinity === undefined ? 0xffffffff : width === 2 ? 0x7fff : 0x7fffffff
    for (let i = step - 1; i < words.length; i += step, this.#at++) {
      const magnitude = (words[i]! & magnitudeBits) >>> 0
      const low = step === 2 ? words[i - 1]! : 0
      if (magnitude === 0 && low === 0) setBit(this.bits, this.#at)
      else if (infinity !== undefined && (magnitude > infinity || (magnitude === infinity && low > 0))) return this.#at
    }
    return undefined
  }
}

function wordsOf(bytes: Uint8Array, width: MaskElement['width']): Uint8Array | Uint16Array | Uint32Array {
  if (width === 1) return bytes
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  return width === 2 ? new Uint16Array(buffer, byteOffset, byteLength / 2) : new Uint32Array(buffer, byteOffset, byteLength / 4)
}

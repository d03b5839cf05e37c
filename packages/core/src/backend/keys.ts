import type { Precision, SaliencyRange } from './backend.js'

// Floats as unsigned integers that sort alike: positive ones get the sign bit set, negative ones have all bits flipped. Selection looks at
// such a key 16 bits at a time, a *digit*; the upper one is called the bucket: sign, exponent and 7 (f32) or 4 (f64) bits of mantissa.

export const BUCKETS = 65536
export const DIGITS = { f32: 2, f64: 4 } as const satisfies Record<Precision, number>

/** The bucket of −Infinity, which holds the elements that are zero already, and of nothing else that is allowed. */
export const ZEROS = { f32: 0x007f, f64: 0x000f } as const satisfies Record<Precision, number>

/** Counts the elements of a histogram over buckets that have a saliency that is NaN or +Infinity. */
export function notFinite(counts: Uint32Array, precision: Precision): number {
  const edge = ZEROS[precision]
  let total = counts[BUCKETS - 1 - edge]!
  for (let b = 0; b < edge; b++) total += counts[b]! + counts[BUCKETS - 1 - b]!
  return total
}

/** Gives digit `digit` of the key of a number, 0 being the uppermost. Made once, called for each element. */
export function digitReader(precision: Precision): (x: number, digit: number) => number {
  const floats = precision === 'f32' ? new Float32Array(1) : new Float64Array(1)
  const halves = new Uint16Array(floats.buffer)
  const last = halves.length - 1
  return (x, digit) => {
    floats[0] = x
    const bits = halves[last - digit]!
    if (halves[last]! >= 0x8000) return ~bits & 0xffff
    return digit === 0 ? bits | 0x8000 : bits
  }
}

/** Smallest and largest saliency whose key begins with these digits. */
export function rangeOf(digits: readonly number[], precision: Precision): SaliencyRange {
  return { low: fromKey(digits, 0, precision), high: fromKey(digits, 0xffff, precision) }
}

/** The float whose key has these digits, and `fill` in place of those left out. */
function fromKey(digits: readonly number[], fill: number, precision: Precision): number {
  const view = new DataView(new ArrayBuffer(8))
  const negative = digits[0]! < 0x8000
  for (let d = 0; d < DIGITS[precision]; d++) {
    const digit = digits[d] ?? fill
    view.setUint16(2 * d, negative ? ~digit : d === 0 ? digit & 0x7fff : digit)
  }
  return precision === 'f32' ? view.getFloat32(0) : view.getFloat64(0)
}

/** e of a normal number m · 2ᵉ with 1 ≤ m < 2. */
export function exponentOf(value: number): number {
  FLOAT[0] = value
  return ((WORDS[1]! >>> 20) & 2047) - 1023
}

const FLOAT = new Float64Array(1)
const WORDS = new Uint32Array(FLOAT.buffer)

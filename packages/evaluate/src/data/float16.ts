/** The 65,536 values a half can have (IEEE 754 binary16), by their bits. */
const HALVES = Float32Array.from({ length: 65_536 }, (_, bits) => halfValue(bits))

/** f32[n] of n halves given as bits. Exact. */
export function fromHalves(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length)
  for (let i = 0; i < bits.length; i++) values[i] = HALVES[bits[i]!]!
  return values
}

/** The bits of the halves nearest to the values (ties to even), which are rounded to f32 first. Too large becomes ±Infinity. */
export function toHalves(values: ArrayLike<number>): Uint16Array {
  const float = new Float32Array(1)
  const word = new Uint32Array(float.buffer)
  const bits = new Uint16Array(values.length)
  for (let i = 0; i < bits.length; i++) {
    float[0] = values[i]!
    bits[i] = halfBits(word[0]!)
  }
  return bits
}

function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

function halfBits(word: number): number {
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  // 65,520 is halfway between the largest half and the next power of two.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude >= 0x38800000) {
    const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)
    return sign | (rounded >>> 13)
  }
  // Subnormal: the half counts in steps of 2⁻²⁴.
  const shift = 126 - (magnitude >>> 23)
  if (shift > 24) return sign
  const mantissa = (magnitude & 0x7fffff) | 0x800000
  const kept = mantissa >>> shift
  const rest = mantissa & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return sign | (kept + (rest > half || (rest === half && kept & 1) ? 1 : 0))
}

// Half precision (IEEE 754 binary16) and bfloat16 as bits in Uint16Array. Conversions to f32 are exact; from f32 they round to the
// nearest, ties to even; NaN stays NaN. The tricks for binary16 are Fabian Giesen's, "Half to float done quick".

/** f32[n] of binary16 bits u16[n]. `target` may be given, to be used again. */
export function float16ToFloat32(bits: Uint16Array, target = new Float32Array(bits.length)): Float32Array {
  const words = wordsOf(target, bits.length)
  const { length } = bits
  for (let i = 0; i < length; i++) {
    const half = bits[i]!
    const magnitude = half & 0x7fff
    if (magnitude >= 0x7c00) {
      words[i] = 0x7f800000 | ((half & 0x3ff) << 13) | ((half & 0x8000) << 16)
    } else {
      // Exponent and mantissa moved into place are the value times 2^-112; f32 has room for all of them as normal numbers.
      words[i] = magnitude << 13
      target[i] = target[i]! * 2 ** 112
      words[i] = words[i]! | ((half & 0x8000) << 16)
    }
  }
  return target
}

/** binary16 bits u16[n] of f32[n]. 65520 and above become infinite. */
export function float32ToFloat16(values: Float32Array, target = new Uint16Array(values.length)): Uint16Array {
  const words = wordsOf(values, target.length)
  const scratch = new Float32Array(1)
  const scratchWord = new Uint32Array(scratch.buffer)
  const { length } = values
  for (let i = 0; i < length; i++) {
    const word = words[i]!
    const magnitude = word & 0x7fffffff
    let half: number
    if (magnitude >= 0x47800000) {
      half = magnitude > 0x7f800000 ? 0x7e00 | ((magnitude >>> 13) & 0x3ff) : 0x7c00
    } else if (magnitude < 0x38800000) {
      // The result is subnormal. Adding 0.5 lines the last kept bit up with the last bit of f32, and rounds.
      scratch[0] = Math.abs(values[i]!) + 0.5
      half = scratchWord[0]! - 0x3f000000
    } else {
      half = (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13
    }
    target[i] = half | ((word >>> 16) & 0x8000)
  }
  return target
}

/** f32[n] of bfloat16 bits u16[n]. */
export function bfloat16ToFloat32(bits: Uint16Array, target = new Float32Array(bits.length)): Float32Array {
  const words = wordsOf(target, bits.length)
  const { length } = bits
  for (let i = 0; i < length; i++) words[i] = bits[i]! << 16
  return target
}

/** bfloat16 bits u16[n] of f32[n]. */
export function float32ToBfloat16(values: Float32Array, target = new Uint16Array(values.length)): Uint16Array {
  const words = wordsOf(values, target.length)
  const { length } = values
  for (let i = 0; i < length; i++) {
    const word = words[i]!
    const notNumber = (word & 0x7fffffff) > 0x7f800000
    target[i] = notNumber ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
  }
  return target
}

function wordsOf(values: Float32Array, length: number): Uint32Array {
  if (values.length !== length) throw new RangeError(`float16: ${length} values for ${values.length}, expected as many`)
  return new Uint32Array(values.buffer, values.byteOffset, values.length)
}

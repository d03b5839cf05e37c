import { describe, expect, test } from 'vitest'
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './float16.js'

const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits)

/** The slow one: value of binary16 bits from its definition. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 0x3ff
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** The slow one: the nearest of all finite binary16 values and infinity (which stands at 65536), ties to even bits. */
function nearestHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const magnitude = Math.abs(value)
  let low = 0
  let high = 0x7c00
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (half(middle) <= magnitude) low = middle
    else high = middle
  }
  const above = high === 0x7c00 ? 65536 : half(high)
  const [down, up] = [magnitude - half(low), above - magnitude]
  const bits = down < up || (down === up && low % 2 === 0) ? low : high
  return sign | bits
}

describe('binary16', () => {
  test('every value widens exactly', () => {
    const wide = float16ToFloat32(all)
    for (const bits of all) expect(Object.is(wide[bits], half(bits)), `${bits}`).toBe(true)
  })

  test('every value that is a number comes back', () => {
    const back = float32ToFloat16(float16ToFloat32(all))
    for (const bits of all) if (!Number.isNaN(half(bits))) expect(back[bits]).toBe(bits)
  })

  test('rounds to the nearest, ties to even', () => {
    // 1 + 2^-11 lies between 1 (0x3c00, even) and 1 + 2^-10; 1 + 3 * 2^-11 between 0x3c01 and 0x3c02, even.
    const values = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, 2 ** -25, 3 * 2 ** -25, Number.NaN, -0)
    expect([...float32ToFloat16(values)]).toEqual([0x3c00, 0x3c02, 0x7bff, 0x7c00, 0, 2, 0x7e00, 0x8000])
  })

  test('agrees with a search for the nearest on random bits', () => {
    const words = Uint32Array.from({ length: 20_000 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 0)
    // Most of random f32 lies outside of the range of binary16: half of the exponents are moved into it.
    for (let i = 0; i < words.length; i += 2) words[i] = (words[i]! & 0x87ffffff) | 0x30000000
    const values = new Float32Array(words.buffer)
    const bits = float32ToFloat16(values)
    for (const [i, value] of values.entries()) if (!Number.isNaN(value)) expect(bits[i], `${value}`).toBe(nearestHalf(value))
  })
})

describe('bfloat16', () => {
  test('is the upper half of f32', () => {
    // 1.0 is 0x3f800000, -2.5 is 0xc0200000.
    expect([...bfloat16ToFloat32(Uint16Array.of(0x3f80, 0xc020, 0x7f80))]).toEqual([1, -2.5, Number.POSITIVE_INFINITY])
  })

  test('rounds to the nearest, ties to even', () => {
    // One step above 1 is 2^-7: half a step is a tie with 0x3f80, even; one and a half goes to 0x3f82.
    expect([...float32ToBfloat16(Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, Number.NaN))]).toEqual([
      0x3f80, 0x3f80, 0x3f82, 0x7f80, 0x7fc0,
    ])
  })

  test('every value that is a number comes back', () => {
    const wide = bfloat16ToFloat32(all)
    const back = float32ToBfloat16(wide)
    for (const bits of all) if (!Number.isNaN(wide[bits])) expect(back[bits]).toBe(bits)
  })
})

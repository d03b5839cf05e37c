import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DIGITS, digitReader, notFinite, rangeOf, ZEROS } from './keys.js'

describe.each(['f32', 'f64'] as const)('%s', (precision) => {
  const number = precision === 'f32' ? fc.float({ noNaN: true }) : fc.double({ noNaN: true })
  const digitOf = digitReader(precision)
  const digits = (x: number) => Array.from({ length: DIGITS[precision] }, (_, d) => digitOf(x, d))
  const key = (x: number) => digits(x).reduce((key, digit) => key * 65536n + BigInt(digit), 0n)

  test('keys sort like the floats', () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        expect(key(a + 0) < key(b + 0)).toBe(a < b)
      }),
    )
  })

  test('a number lies in the range of its first digits, and all of them leave only itself', () => {
    fc.assert(
      fc.property(number, (x) => {
        const { low, high } = rangeOf(digits(x).slice(0, 1), precision)
        if (Number.isFinite(x)) expect(low <= x && (x <= high || Number.isNaN(high))).toBe(true)
        expect(rangeOf(digits(x), precision)).toEqual({ low: x, high: x })
      }),
    )
  })

  test('−Infinity has a bucket of its own, NaN and +Infinity lie outside all others', () => {
    expect(digitOf(-Infinity, 0)).toBe(ZEROS[precision])
    const counts = new Uint32Array(65536)
    for (const x of [NaN, Infinity, -NaN]) counts[digitOf(x, 0)]!++
    for (const x of [-Infinity, 0, 1e30, -1e30]) counts[digitOf(x, 0)]! += 10
    expect(notFinite(counts, precision)).toBe(3)
  })
})

test('1.5 in f32 is 0x3fc00000: its key begins 0xbfc0', () => {
  const digitOf = digitReader('f32')
  expect([digitOf(1.5, 0), digitOf(1.5, 1)]).toEqual([0xbfc0, 0])
  // −1.5 is 0xbfc00000, all bits flipped 0x403fffff
  expect([digitOf(-1.5, 0), digitOf(-1.5, 1)]).toEqual([0x403f, 0xffff])
})

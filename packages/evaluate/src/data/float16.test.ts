import { expect, test } from 'vitest'
import { fromHalves, toHalves } from './float16.js'

test('the 16-bit patterns of the standard have their values', () => {
  // 0x3c00 = 1, 0xc000 = -2, 0x7bff = 65504 = (2 − 2⁻¹⁰)·2¹⁵, 0x0400 = 2⁻¹⁴, 0x0001 = 2⁻²⁴
  const values = fromHalves(Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x7c00, 0xfc00))
  expect([...values]).toEqual([1, -2, 65504, 2 ** -14, 2 ** -24, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
  expect(fromHalves(Uint16Array.of(0x7e00))[0]).toBeNaN()
})

test('every half survives the way to f32 and back', () => {
  const bits = Uint16Array.from({ length: 65_536 }, (_, i) => i).filter((half) => (half & 0x7fff) <= 0x7c00)
  expect(toHalves(fromHalves(bits))).toEqual(bits)
  expect(toHalves([Number.NaN])[0]).toBe(0x7e00)
})

test('rounding goes to the nearest half, ties to even', () => {
  // Halves near 1 are 2⁻¹⁰ apart: 1 + 2⁻¹¹ lies between 0x3c00 and 0x3c01, 1 + 3·2⁻¹¹ between 0x3c01 and 0x3c02.
  expect([...toHalves([1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -20])]).toEqual([0x3c00, 0x3c02, 0x3c01])
  // The largest half is 65504, the next would be 65536: 65519.99 rounds down, 65520 to infinity.
  expect([...toHalves([65519.99, 65520, 1e9])]).toEqual([0x7bff, 0x7c00, 0x7c00])
  // Subnormals are multiples of 2⁻²⁴; half a step is a tie with the even 0.
  expect([...toHalves([2 ** -25, 1.5 * 2 ** -24, 2.5 * 2 ** -24, 2 ** -26, 2 ** -14 - 2 ** -26])]).toEqual([0, 2, 2, 0, 0x0400])
})

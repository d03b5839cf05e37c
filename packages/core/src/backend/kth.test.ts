import fc from 'fast-check'
import { expect, test } from 'vitest'
import { kth } from './kth.js'

test('the third smallest of seven numbers, by hand', () => {
  // sorted: -2, -0.5, 0, 0.25, 1, 1, 8
  expect(kth(Float64Array.of(1, -0.5, 8, 0.25, 1, -2, 0), 3)).toBe(0)
})

test('−Infinity, denormals and equal values have their place', () => {
  const values = Float64Array.of(5e-324, -Infinity, 1, 1, 1, -5e-324)
  expect([1, 2, 3, 4, 5, 6].map((rank) => kth(values, rank))).toEqual([-Infinity, -5e-324, 5e-324, 1, 1, 1])
})

test('agrees with sorting for every rank of any list', () => {
  const number = fc.double({ noNaN: true }).map((x) => x + 0)
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 60 }), fc.double({ min: 0, max: 1, noNaN: true }), (list, share) => {
      const rank = 1 + Math.floor(share * (list.length - 1))
      expect(kth(Float64Array.from(list), rank)).toBe(list.sort((a, b) => a - b)[rank - 1])
    }),
    { numRuns: 500 },
  )
})

test('leaves its input as it was', () => {
  const values = Float64Array.of(3, 1, 2)
  kth(values, 2)
  expect([...values]).toEqual([3, 1, 2])
})

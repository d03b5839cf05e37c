import { expect, test } from 'vitest'
import { freedomOf, normalQuantile, studentQuantile } from './student.js'

// scipy.stats.t.isf and norm.isf
test.each([
  [0.025, 1, 12.706204736],
  [0.025, 7, 2.364624252],
  [0.05, 9, 1.833112933],
  [0.005, 30, 2.749995654],
  [0.3, 4.5, 0.563505804],
])('t at a tail of %f with %f degrees of freedom is %f', (tail, freedom, t) => {
  expect(studentQuantile(tail, freedom)).toBeCloseTo(t, 6)
})

test('of the normal distribution it is 1.96 at 0.025', () => {
  expect(normalQuantile(0.025)).toBeCloseTo(1.959963985, 5)
})

test('a variance that few residuals make up has few degrees of freedom', () => {
  // Squares 16 + 4 · 1 = 20, fourth powers 256 + 4 = 260: κ = 5 · 260 ÷ 20² = 3.25, 2 · 5 ÷ (3.25 − 2 ÷ 4) = 3.636.
  expect(freedomOf(Float64Array.of(4, -1, -1, -1, -1), 10)).toBeCloseTo(10 / 2.75, 12)
  // κ = 1: 2 · 4 ÷ (1 − 1 ÷ 3) = 12, of which no more are there than is said.
  expect(freedomOf(Float64Array.of(1, -1, 1, -1), 20)).toBeCloseTo(12, 12)
  expect(freedomOf(Float64Array.of(1, -1, 1, -1), 3)).toBe(3)
  // Normal quantiles of 1,000 evenly spaced places: nearly as many as there are, but one.
  const normal = Float64Array.from({ length: 1000 }, (_, i) => {
    const p = (i + 0.5) / 1000
    return p < 0.5 ? -normalQuantile(p) : p > 0.5 ? normalQuantile(1 - p) : 0
  })
  expect(freedomOf(normal, 1e6)).toBeGreaterThan(990)
  expect(freedomOf(normal, 1e6)).toBeLessThan(1060)
})

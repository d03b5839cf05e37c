import { expect, test } from 'vitest'
import { normalQuantile, studentQuantile } from './student.js'

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

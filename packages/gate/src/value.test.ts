import { expect, test } from 'vitest'
import { valueFrom } from './value.js'

test('a value follows from the samples of its kind', () => {
  expect(valueFrom({ kind: 'proportion', correct: [1, 0, 1, 1] })).toBe(3 / 4)
  expect(valueFrom({ kind: 'mean', values: [1, 2, 6] })).toBe(3)
  // Five tokens cost 2 + 3: one each.
  expect(valueFrom({ kind: 'perplexity', sums: [2, 3], counts: [1, 4] })).toBeCloseTo(Math.E, 12)
  // Class 0: TP 0, FP 2 → 0. Class 1: TP 1, FN 1 → 2/3. Class 2: TP 1, FN 1 → 2/3. Mean 4/9.
  expect(valueFrom({ kind: 'f1', predicted: [2, 0, 1, 0], label: [2, 1, 1, 2] })).toBeCloseTo(4 / 9, 12)
})

test('no samples have no value', () => {
  expect(valueFrom({ kind: 'proportion', correct: [] })).toBeNaN()
  expect(valueFrom({ kind: 'mean', values: [] })).toBeNaN()
  expect(valueFrom({ kind: 'perplexity', sums: [], counts: [] })).toBeNaN()
  expect(valueFrom({ kind: 'f1', predicted: [], label: [] })).toBeNaN()
})

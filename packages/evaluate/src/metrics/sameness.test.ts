import { expect, test } from 'vitest'
import type { NdArray } from '../data/ndarray.js'
import { ROUNDING, startSameness } from './sameness.js'

const batch = (...rows: number[][]): NdArray => ({
  type: 'float32',
  shape: [rows.length, rows[0]!.length],
  data: Float32Array.from(rows.flat()),
})

function seen(tolerance: number, ...batches: NdArray[]) {
  const same = startSameness(tolerance)
  for (const array of batches) same.add(array, array.shape[0] ?? 1)
  return { same: same.isSame(), zero: same.isZero() }
}

test('rows that are alike are the same, in one batch and over several', () => {
  expect(seen(0, batch([1, 2], [1, 2]))).toEqual({ same: true, zero: false })
  expect(seen(0, batch([1, 2]), batch([1, 2]))).toEqual({ same: true, zero: false })
  expect(seen(0, batch([0, 0], [0, 0]))).toEqual({ same: true, zero: true })
  expect(seen(0, batch([1, 2], [1, 2]), batch([1, 3]))).toEqual({ same: false, zero: false })
})

test('outputs may differ by rounding, and infinite ones must be alike', () => {
  expect(seen(ROUNDING, batch([100, 0], [100.00001, 0]))).toMatchObject({ same: true })
  expect(seen(ROUNDING, batch([100, 0], [100.01, 0]))).toMatchObject({ same: false })
  const infinite = [Number.NEGATIVE_INFINITY, 1]
  expect(seen(ROUNDING, batch(infinite, infinite))).toMatchObject({ same: true })
  expect(seen(ROUNDING, batch(infinite, [1, 1]))).toMatchObject({ same: false })
})

test('one sample is not the same as any other, and rows that only fill a batch do not count', () => {
  expect(seen(0, batch([0, 0]))).toEqual({ same: false, zero: false })
  const same = startSameness(0)
  same.add(batch([1], [1], [2]), 2)
  expect(same.isSame()).toBe(true)
})

import { sampleOf } from '@pare/metric'
import { metricValue, testMetric } from '@pare/testing'
import { expect, test } from 'vitest'
import { myPlugin } from './index.js'

// The laws that every metric obeys.
testMetric(() => myPlugin())
testMetric(() => myPlugin({ by: 2 }))

test('counts samples that are near, by hand', () => {
  // Class 2 scores highest. The labels are 2, 1 and 0 away.
  const samples = [0, 1, 2].map((label) => sampleOf({ rows: [Float64Array.of(0, 1, 2)], label: Float64Array.of(label) }))
  expect(metricValue(myPlugin(), samples)).toBeCloseTo(2 / 3, 12)
  expect(metricValue(myPlugin({ by: 2 }), samples)).toBe(1)
})

test('an option that makes no sense is refused with its value', () => {
  expect(() => myPlugin({ by: 0 })).toThrow('by is 0; a whole number from 1 on was expected')
})

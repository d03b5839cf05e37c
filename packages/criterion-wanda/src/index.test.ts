import { randomStream, reference, trace } from '@pare/core'
import { testCriterion } from '@pare/testing'
import { expect, test } from 'vitest'
import { wanda } from './index.js'

testCriterion(wanda)

test('is |w| · √(mean of x²), by hand', () => {
  const target = new Float32Array(4)
  const chunk = { weights: Float32Array.of(1, -2, 3, 0), start: 0, stream: randomStream(1, 'w') }
  reference.compile(trace(wanda()), 'f32').saliency({ ...chunk, stats: { squares: Float32Array.of(4, 9, 0.25, 1) } }, target)
  expect([...target]).toEqual([2, 6, 1.5, -Infinity])
})

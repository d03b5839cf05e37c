import type { Criterion } from '@pare/core'
import { randomStream, reference, trace } from '@pare/core/backends'
import { testCriterion } from '@pare/testing'
import { expect, test } from 'vitest'
import { magnitude } from './index.js'

testCriterion(() => magnitude())
testCriterion(() => magnitude({ p: 2 }))

test('p = 1 is |w| and p = 2 is w², by hand', () => {
  expect(saliencies(magnitude(), [-3, 0.5, 2])).toEqual([3, 0.5, 2])
  expect(saliencies(magnitude({ p: 2 }), [-3, 0.5, 2])).toEqual([9, 0.25, 4])
})

test('another p is refused with the value', () => {
  expect(() => magnitude({ p: 3 as 1 })).toThrow('magnitude: p is 3; 1 or 2 was expected.')
})

function saliencies(criterion: Criterion, weights: number[]): number[] {
  const target = new Float32Array(weights.length)
  reference
    .compile(trace(criterion), 'f32')
    .saliency({ weights: Float32Array.from(weights), start: 0, stream: randomStream(1, 'w') }, target)
  return [...target]
}

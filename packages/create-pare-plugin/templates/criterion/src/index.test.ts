import { randomStream, reference, trace } from '@pare/core/backends'
import { testCriterion } from '@pare/testing'
import { expect, test } from 'vitest'
import { myPlugin } from './index.js'

// The laws that every criterion obeys.
testCriterion(() => myPlugin())
testCriterion(() => myPlugin({ from: 1 }))

test('is |w − from|, by hand', () => {
  expect(saliencies(myPlugin(), [-3, 0.5, 2])).toEqual([3, 0.5, 2])
  expect(saliencies(myPlugin({ from: 1 }), [-3, 0.5, 2])).toEqual([4, 0.5, 1])
})

test('an option that makes no sense is refused with its value', () => {
  expect(() => myPlugin({ from: Number.NaN })).toThrow('my-plugin: from is NaN; a number was expected.')
})

function saliencies(criterion: ReturnType<typeof myPlugin>, weights: number[]): number[] {
  const target = new Float32Array(weights.length)
  const chunk = { weights: Float32Array.from(weights), start: 0, stream: randomStream(1, 'weight') }
  reference.compile(trace(criterion), 'f32').saliency(chunk, target)
  return [...target]
}

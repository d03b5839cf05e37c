import { randomStream, reference, trace } from '@pare/core/backends'
import { testCriterion } from '@pare/testing'
import { expect, test } from 'vitest'
import { random } from './index.js'

testCriterion(random)

test('does not look at the weight, only at seed, name and position', () => {
  expect(draw({ seed: 1, id: 'a' })).toEqual(draw({ seed: 1, id: 'a' }).map((s) => s))
  expect(draw({ seed: 1, id: 'a', scale: 1000 })).toEqual(draw({ seed: 1, id: 'a' }))
  expect(draw({ seed: 2, id: 'a' })).not.toEqual(draw({ seed: 1, id: 'a' }))
  expect(draw({ seed: 1, id: 'b' })).not.toEqual(draw({ seed: 1, id: 'a' }))
})

function draw({ seed, id, scale = 1 }: { seed: number; id: string; scale?: number }): number[] {
  const target = new Float32Array(16)
  const weights = new Float32Array(16).fill(scale)
  reference.compile(trace(random()), 'f32').saliency({ weights, start: 0, stream: randomStream(seed, id) }, target)
  return [...target]
}

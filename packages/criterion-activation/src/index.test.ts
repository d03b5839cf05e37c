import { randomStream, reference, trace } from '@pare/core/backends'
import { testCriterion } from '@pare/testing'
import { expect, test } from 'vitest'
import { type ActivationKind, activation } from './index.js'

const KINDS = ['mean', 'l2', 'apoz', 'fluctuation'] as const
for (const kind of KINDS) testCriterion(() => activation({ kind }))

test.each<[ActivationKind, number[]]>([
  ['mean', [4, 0.25]],
  ['l2', [2, 0.5]],
  ['apoz', [-3, 0.75]],
  ['fluctuation', [16, 2.25]],
])('%s, by hand', (kind, expected) => {
  const target = new Float32Array(2)
  const chunk = { weights: Float32Array.of(-2, 3), start: 0, stream: randomStream(1, 'w') }
  reference
    .compile(trace(activation({ kind })), 'f32')
    .saliency({ ...chunk, stats: { active: Float32Array.of(4, 0.25) } }, target)
  expect([...target]).toEqual(expected)
})

test('refuses another kind, and an ε that is not above 0, with the value', () => {
  expect(() => activation({ kind: 'toString' as ActivationKind })).toThrow(
    'activation: kind is "toString"; mean, l2, apoz or fluctuation',
  )
  expect(() => activation({ kind: 'apoz', epsilon: 0 })).toThrow('activation: epsilon is 0')
})

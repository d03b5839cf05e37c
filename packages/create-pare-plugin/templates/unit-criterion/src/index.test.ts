import { testUnitCriterion } from '@pare/testing'
import { expect, test } from 'vitest'
import { myPlugin } from './index.js'

// The laws that every criterion of whole units obeys.
testUnitCriterion(() => myPlugin())
testUnitCriterion(() => myPlugin({ power: 2 }))

test('a unit with the larger weights and inputs is worth more, by hand', async () => {
  // Unit 0 reads 1 with weight 2: 4 · 1. Unit 1 reads √2 with weight 3: 9 · 2.
  const reader = {
    id: 'weight',
    gram: Float64Array.of(1, 0, 0, 2),
    weight: Float32Array.of(2, 3),
    rows: 1,
    units: Int32Array.of(0, 1),
  }
  const group = { kind: 'coupled', id: 'group', units: 2, slices: [], roles: new Set<never>() } as const
  const refuse = () => Promise.reject(new Error('not called for'))
  const probe = {
    ...{ losses: refuse, likeness: refuse, gradients: refuse },
    async *readers() {
      yield [reader]
    },
  }
  expect(await myPlugin().score([group], probe)).toEqual([Float64Array.of(4, 18)])
})

test('an option that makes no sense is refused with its value', () => {
  expect(() => myPlugin({ power: 3 as 1 })).toThrow('my-plugin: power is 3; 1 or 2 was expected.')
})

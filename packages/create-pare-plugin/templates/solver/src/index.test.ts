import type { WeightProblem } from '@pare/core'
import { testSolver } from '@pare/testing'
import { expect, test } from 'vitest'
import { myPlugin } from './index.js'

// The laws that every solver obeys.
testSolver(() => myPlugin())
testSolver(() => myPlugin({ fit: 0.5 }))

const problem: WeightProblem = {
  ...{ id: 'weight', weight: Float32Array.of(1, 2), rows: 1, columns: 2 },
  ...{ stats: { gram: Float64Array.of(1, 0.5, 0.5, 1) }, pattern: { kind: 'free' }, zeros: 1, scope: 'tensor' },
}

test('one of two weights goes and the other makes up for it, by hand', async () => {
  // 1 · 1 < 2 · 1: the first goes. a = 2 · (0.5 · 1 + 1 · 2) ÷ (2 · 1 · 2) = 1.25.
  expect(await myPlugin().solve(problem)).toEqual({ weight: Float32Array.of(0, 2.5), notes: [] })
  expect(await myPlugin({ fit: 0 }).solve(problem)).toEqual({ weight: Float32Array.of(0, 2), notes: [] })
})

test('an option that makes no sense is refused with its value', () => {
  expect(() => myPlugin({ fit: 2 })).toThrow('my-plugin: fit is 2; a number from 0 to 1 was expected.')
})

import { parseText } from '@pare/onnx'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Criterion, Structure } from '../contract/contract.js'
import { makePlan } from '../plan/make-plan.js'
import type { MaskStep } from '../plan/plan.js'
import { lampScores } from './lamp.js'

const magnitude: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }
const element: Structure = {
  name: 'element',
  find: ({ weights }) => ({
    groups: weights.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'free' } })),
    declined: [],
  }),
}

async function masked(a: readonly number[], b: readonly number[], sparsity: number): Promise<number[]> {
  const model = parseText(
    `g (float[N, ${a.length}] x) => (float[N, ${b.length}] y) <float[${a.length}, 1] a, float[1, ${b.length}] b> { h = MatMul(x, a) y = MatMul(h, b) }`,
    { a: Float32Array.from(a), b: Float32Array.from(b) },
  )
  const step = { structure: element, criterion: magnitude, target: { sparsity }, normalize: 'lamp' } as const
  const { steps } = await makePlan(model, [step], { seed: 1 })
  return (steps[0] as MaskStep).weights.map((entry) => entry.masked)
}

test('the score of an element is its square ÷ the squares of those that are no smaller', () => {
  // Of 3, 1, 2: 1 ÷ 14, 4 ÷ 13, 9 ÷ 9. Equal ones have each other below them: 4 ÷ 8.
  expect([...lampScores(Float64Array.of(3, 1, 2))]).toEqual([1 / 14, 4 / 13, 1])
  expect([...lampScores(Float64Array.of(2, 2, -Infinity))]).toEqual([-Infinity, 1 / 2, 1 / 2])
})

test('a weight a hundred times as large is not spared: it loses as many', async () => {
  expect(await masked([1, 2, 3, 4], [100, 200, 300, 400], 0.5)).toEqual([2, 2])
})

test('the largest element of a weight goes last of all', async () => {
  // Scores of a are 1/30, 4/29, 9/25 and 1, those of b all 25/100.
  expect(await masked([1, 2, 3, 4], [5, 5, 5, 5], 0.25)).toEqual([2, 0])
  expect(await masked([1, 2, 3, 4], [5, 5, 5, 5], 0.75)).toEqual([2, 4])
})

test('zeros go first, and count', async () => {
  expect(await masked([0, 0, 0, 4], [1, 2, 3, 4], 0.5)).toEqual([3, 1])
})

test('any two weights: what sorting all scores gives', async () => {
  const list = fc.array(
    fc.integer({ min: -20, max: 20 }).map((n) => n / 8),
    { minLength: 2, maxLength: 12 },
  )
  await fc.assert(
    fc.asyncProperty(list, list, fc.double({ min: 0, max: 1, noNaN: true }), async (a, b, sparsity) => {
      const scores = (w: readonly number[], id: number) =>
        w.map((u) => ({
          id,
          score: u === 0 ? -1 : (u * u) / w.reduce((sum, v) => sum + (Math.abs(v) >= Math.abs(u) ? v * v : 0), 0),
        }))
      const all = [...scores(a, 0), ...scores(b, 1)].sort((x, y) => x.score - y.score || x.id - y.id)
      const zeros = (w: readonly number[]) => w.filter((u) => u === 0).length
      const gone = all.slice(0, Math.round(sparsity * all.length))
      const expected = [a, b].map((w, id) => Math.max(zeros(w), gone.filter((each) => each.id === id).length))
      expect(await masked(a, b, sparsity)).toEqual(expected)
    }),
    { numRuns: 50 },
  )
})

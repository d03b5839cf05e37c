import { applyPlan, makePlan, type PruneStep, type Structure, type WeightProblem } from '@pare/core'
import { type Model, parseText, readAll } from '@pare/onnx'
import { element } from '@pare/structure-element'
import { arrayForward } from '@pare/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { alps } from './index.js'
import { errorOf, generator, plainRefitOf, randomProblem } from './plain.test.support.js'

test('a mask that is decided already is kept, and what stays becomes its least-squares fit', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 2, max: 40 }), fc.nat(), async (rows, columns, seed) => {
      const { problem, kept } = withMask(rows, columns, seed)
      const { weight } = await alps().solve({ ...problem, kept, weight: problem.weight.slice() })
      expect(maskOf(weight)).toEqual([...kept])
      const plain = plainRefitOf(
        problem,
        Array.from(kept, (k) => k === 1),
      )
      expect(errorOf(problem, weight)).toBeLessThan(1.02 * errorOf(problem, plain) + 1e-6)
    }),
    { numRuns: 40 },
  )
})

test('a swap takes the better of two alike inputs, by hand', async () => {
  // Only the first is kept. r = (Ŵ − D)·H = (0.9 · 3, 3), and exchanging the two changes the error by 2·0.9·3·1 + 1 − 2·3·3 + 9 − 2·1·3·0.9 = −8.
  const problem = {
    ...({ id: 'w', rows: 1, columns: 2, pattern: { kind: 'free' }, zeros: 1, scope: 'tensor' } as const),
    ...{ weight: Float32Array.of(1, 3), stats: { gram: Float64Array.of(1, 0.9, 0.9, 1) }, kept: Uint8Array.of(1, 0) },
  } as const
  const { weight } = await alps({ damping: 0, swaps: 1 }).solve({ ...problem, weight: problem.weight.slice() })
  // Refitted: 3 + 0.9 · 1.
  expect(weight[0]).toBe(0)
  expect(weight[1]).toBeCloseTo(3.9, 5)
})

test('swaps never raise the error of a mask, keep its count in each row, and N of M', async () => {
  for (const pattern of [{ kind: 'free' }, { kind: 'nm', n: 2, m: 4 }] as const) {
    for (let seed = 0; seed < 10; seed++) {
      const { problem, kept } = withMask(4, 32, seed, pattern)
      const solve = async (swaps: number) =>
        (await alps({ swaps }).solve({ ...problem, kept, weight: problem.weight.slice() })).weight
      const [plain, swapped] = [await solve(0), await solve(30)]
      expect(errorOf(problem, swapped)).toBeLessThan(errorOf(problem, plain) * 1.001)
      const size = pattern.kind === 'nm' ? 4 : 32
      for (let at = 0; at < 128; at += size) expect(zeros(swapped.slice(at, at + size))).toBe(zeros(plain.slice(at, at + size)))
    }
  }
})

const wave = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + seed) + Math.cos(i * i * 0.31))

const magnitude = {
  name: 'magnitude',
  needs: {},
  saliency: ({ weight }, ops) => ops.abs(weight),
} satisfies PruneStep['criterion']

test('refit goes with any criterion: the same mask, and an output nearer than without', async () => {
  const model = parseText('g (float[N, 12] x) => (float[N, 5] y) <float[12, 5] w> { y = MatMul(x, w) }', { w: wave(60, 1) })
  const x = { data: wave(12 * 40, 3), shape: [40, 12] }
  const step = { structure: element(), criterion: magnitude, target: { sparsity: 0.5 } }
  const options = { seed: 1, forward: arrayForward({ x }, 16) }
  const prune = async (more: Partial<PruneStep>) => {
    const { steps } = await makePlan(model, [{ ...step, ...more }], options)
    return { steps, weight: await weightIn(await applyPlan(model, { seed: 1, steps })) }
  }
  const [masked, refitted] = [await prune({}), await prune({ refit: alps({ damping: 0.001 }) })]
  expect(maskOf(refitted.weight)).toEqual(maskOf(masked.weight))
  expect(refitted.steps.map(({ kind }) => kind)).toEqual(['mask', 'update'])
  const dense = await weightIn(model)
  const error = (weight: Float32Array) => {
    let sum = 0
    for (let row = 0; row < 40; row++) {
      for (let out = 0; out < 5; out++) {
        let change = 0
        for (let i = 0; i < 12; i++) change += x.data[row * 12 + i]! * (dense[i * 5 + out]! - weight[i * 5 + out]!)
        sum += change ** 2
      }
    }
    return sum
  }
  expect(error(refitted.weight)).toBeLessThan(0.7 * error(masked.weight))
})

test('what refit does not go with is refused', async () => {
  const model = parseText('g (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }')
  const step = { structure: element(), criterion: alps(), target: { sparsity: 0.5 }, refit: alps() }
  await expect(makePlan(model, [step], { seed: 1 })).rejects.toThrow("refit alps changes what stays, and so does solver 'alps'.")
  const other = { ...step, criterion: magnitude, refit: { ...alps(), refits: false, name: 'other' } }
  await expect(makePlan(model, [other], { seed: 1 })).rejects.toThrow(
    "refit 'other' does not take masks that are decided already.",
  )
  const structure: Structure = { name: 'all', kind: 'cut', find: ({ coupled }) => ({ groups: coupled, declined: [] }) }
  const cut = { structure, criterion: magnitude, target: { ratio: 0.5 }, refit: alps() }
  await expect(makePlan(model, [cut], { seed: 1 })).rejects.toThrow(
    "refit alps changes masked weights, and structure 'all' cuts units.",
  )
  expect(() => alps({ swaps: -1 })).toThrow('alps: swaps is -1; a whole number from 0 on was expected.')
})

/** A problem, and a mask of it that somebody chose at random, half of each four. */
function withMask(rows: number, columns: number, seed: number, pattern: WeightProblem['pattern'] = { kind: 'free' }) {
  const problem = randomProblem({ rows, columns, seed, zeros: 0, pattern })
  const next = generator(seed + 7)
  const kept = new Uint8Array(rows * columns)
  for (let at = 0; at < kept.length; at += 2) kept[Math.min(at + (next() > 0 ? 1 : 0), kept.length - 1)] = 1
  return { problem: { ...problem, zeros: kept.filter((k) => k === 0).length }, kept }
}

async function weightIn(model: Model): Promise<Float32Array> {
  const bytes = await readAll(model.graph.initializers.find(({ name }) => name === 'w')!.data)
  return new Float32Array(bytes.slice().buffer)
}

const maskOf = (weight: ArrayLike<number>) => Array.from(weight, (w) => (w === 0 ? 0 : 1))
const zeros = (weight: Float32Array) => weight.filter((w) => w === 0).length

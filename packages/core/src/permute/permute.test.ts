import { type Model, parseText, readAll } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { applyPlan } from '../apply/apply.js'
import { forwardOver, outputsOf, wave } from '../calibrate/forward.test.support.js'
import { measureAll } from '../calibrate/measure-all.js'
import { makePlan } from '../plan/make-plan.js'
import type { PlanOptions, PlanStep, PruneStep } from '../plan/plan.js'
import { magnitude, masking, wanda } from '../plan/plugins.test.data.js'
import type { PermuteStep } from './step.js'

const twoOfFour = masking({ kind: 'nm', n: 2, m: 4 }, {})

async function planned(model: Model, step: Partial<PruneStep> = {}, options: Partial<PlanOptions> = {}) {
  const { steps } = await makePlan(model, [{ structure: twoOfFour, criterion: magnitude, ...step }], { seed: 1, ...options })
  return steps
}

const permutation = (steps: readonly PlanStep[]) => steps.find((step): step is PermuteStep => step.kind === 'permute')

const applied = (model: Model, ...steps: PlanStep[]) => applyPlan(model, { seed: 1, steps })

const valuesIn = async (model: Model, name: string) => [
  ...new Float32Array((await readAll(model.graph.initializers.find((tensor) => tensor.name === name)!.data)).slice().buffer),
]

/** Sums in another order differ by rounding. */
function expectClose(actual: readonly number[], expected: readonly number[]): void {
  const scale = Math.max(...expected.map(Math.abs))
  for (const [i, value] of expected.entries()) expect(Math.abs(actual[i]! - value) / scale).toBeLessThan(1e-5)
}

/** Eight units; every row of `b` has numbers at the same four of them, which lie in one block of four. */
const crowded = () =>
  parseText(
    `g (float[N, 3] x) => (float[N, 2] y) <float[3, 8] a, float[8] bias, float[2, 8] b>
     { h = MatMul(x, a) i = Add(h, bias) r = Relu(i) y = Gemm<transB = 1>(r, b) }`,
    { a: wave(24), bias: wave(8, 1), b: Float32Array.of(1, 2, 3, 4, 0, 0, 0, 0, 4, 3, 2, 1, 0, 0, 0, 0) },
  )

const x = { x: { data: wave(15, 2), shape: [5, 3] } }

test('units that crowd one block are spread over two: nothing of their saliency is lost, which the plan says, by hand', async () => {
  const step = permutation(await planned(crowded()))!
  expect(step.groups).toHaveLength(1)
  const [{ units, order, kept, ended }] = step.groups as unknown as [PermuteStep['groups'][number]]
  // Of 1, 2, 3, 4 two stay: 7 of 10, in both rows. With two of them in each block all stay.
  expect({ units, kept, ended }).toEqual({ units: 8, kept: { before: 0.7, after: 1 }, ended: 'settled' })
  expect(order.slice(0, 4).filter((unit) => unit < 4)).toHaveLength(2)
})

test('the permuted model computes the same, and each tensor that has the units is in the new order', async () => {
  const model = crowded()
  const step = permutation(await planned(model))!
  const [{ order }] = step.groups as unknown as [PermuteStep['groups'][number]]
  const permuted = await applied(model, step)
  const [before, after] = await Promise.all([outputsOf(model, x), outputsOf(permuted, x)])
  expectClose(after.y!, before.y!)
  const bias = await valuesIn(model, 'bias')
  expect(await valuesIn(permuted, 'bias')).toEqual(order.map((unit) => bias[unit]!))
})

test('masked in the new order the model is that of the whole plan, and b loses nothing', async () => {
  const model = crowded()
  const pruned = await applied(model, ...(await planned(model)))
  const step = permutation(await planned(model))!
  expect(await valuesIn(pruned, 'b')).toEqual(await valuesIn(await applied(model, step), 'b'))
})

test('an order that is the best already makes no step', async () => {
  const model = parseText(
    'g (float[N, 3] x) => (float[N, 1] y) <float[3, 8] a, float[1, 8] b> { h = MatMul(x, a) y = Gemm<transB = 1>(h, b) }',
    { a: wave(24), b: Float32Array.of(1, 2, 0, 0, 3, 4, 0, 0) },
  )
  expect(permutation(await planned(model))).toBeUndefined()
})

describe('what is not searched', () => {
  test.each<[string, string, Record<string, number>]>([
    // What the model takes in keeps its order.
    ['inputs of the model', 'g (float[N, 8] x) => (float[N, 2] y) <float[2, 8] b> { y = Gemm<transB = 1>(x, b) }', { b: 16 }],
    [
      'no more units than a block',
      'g (float[N, 3] x) => (float[N, 2] y) <float[3, 4] a, float[4, 2] b> { h = MatMul(x, a) y = MatMul(h, b) }',
      { a: 12, b: 8 },
    ],
    [
      'units beside others in a block',
      `g (float[N, 3] x) => (float[N, 2] y) <float[3, 5] a, float[3, 7] c, float[12, 2] b>
       { p = MatMul(x, a) q = MatMul(x, c) r = Concat<axis = 1>(p, q) y = MatMul(r, b) }`,
      { a: 15, c: 21, b: 24 },
    ],
  ])('%s', async (_, text, lengths) => {
    const model = parseText(text, Object.fromEntries(Object.entries(lengths).map(([name, length]) => [name, wave(length)])))
    expect(permutation(await planned(model))).toBeUndefined()
  })

  test('structures without n:m, and those that do not ask for it', async () => {
    const free = { structure: { ...masking({ kind: 'free' }), permute: {} }, target: { sparsity: 0.5 } }
    expect(permutation(await planned(crowded(), free))).toBeUndefined()
    expect(permutation(await planned(crowded(), { structure: masking({ kind: 'nm', n: 2, m: 4 }) }))).toBeUndefined()
  })
})

test('two stretches of whole blocks that are put side by side are each permuted on their own', async () => {
  const text = `g (float[N, 3] x) => (float[N, 2] y) <float[3, 8] a, float[3, 8] c, float[16, 2] b>
    { p = MatMul(x, a) q = MatMul(x, c) r = Concat<axis = 1>(p, q) y = MatMul(r, b) }`
  // Of eight units the first four have the numbers, in both.
  const model = parseText(text, {
    ...{ a: wave(24), c: wave(24, 3) },
    b: Float32Array.from({ length: 32 }, (_, e) => (Math.floor(e / 2) % 8 < 4 ? 1 + e : 0)),
  })
  const step = permutation(await planned(model))!
  expect(step.groups.map(({ units, kept: { after } }) => ({ units, after }))).toEqual([
    { units: 8, after: 1 },
    { units: 8, after: 1 },
  ])
  const permuted = await applied(model, step)
  const [before, after] = await Promise.all([outputsOf(model, x), outputsOf(permuted, x)])
  expectClose(after.y!, before.y!)
})

test('channels of a convolution: each position of the kernel counts, and those of a ConvTranspose lie on its first axis', async () => {
  const text = `g (float[N, 1, 4] x) => (float[N, 1, M] y) <float[8, 1, 1] a, float[8, 8, 2] b, float[8, 1, 2] c>
    { p = Conv(x, a) q = Relu(p) r = Conv(q, b) s = Relu(r) y = ConvTranspose(s, c) }`
  const crowd = (length: number, channelOf: (e: number) => number) =>
    Float32Array.from({ length }, (_, e) => (channelOf(e) < 4 ? 1 + (e % 7) : 0))
  const model = parseText(text, {
    a: wave(8),
    b: crowd(128, (e) => Math.floor(e / 2) % 8),
    c: crowd(16, (e) => Math.floor(e / 2)),
  })
  const step = permutation(await planned(model))!
  expect(step.groups.map(({ kept }) => kept.after)).toEqual([1, 1])
  const image = { x: { data: wave(12, 1), shape: [3, 1, 4] } }
  const [before, after] = await Promise.all([outputsOf(model, image), outputsOf(await applied(model, step), image)])
  expectClose(after.y!, before.y!)
})

describe('a criterion that looks at data', () => {
  // Units 0 and 1 of `b` are large, units 4 and 5 are met by large values: by magnitude the first four crowd, by what is met units 0, 1, 4, 5 do not.
  const text =
    'g (float[N, 1] x) => (float[N, 1] y) <float[1, 8] a, float[1, 8] b> { h = MatMul(x, a) y = Gemm<transB = 1>(h, b) }'
  const model = parseText(text, {
    a: Float32Array.of(1, 1, 0.01, 0.01, 100, 100, 0.01, 0.01),
    b: Float32Array.of(5, 5, 5, 5, 1, 1, 1, 1),
  })
  const forward = forwardOver({ x: { data: Float32Array.of(1, 2), shape: [2, 1] } })

  test('orders by what it sees', async () => {
    // By magnitude 5 + 5 + 1 + 1 of 24 stay at first, and all fives once they are spread.
    const [byMagnitude] = permutation(await planned(model))!.groups
    expect(byMagnitude!.kept.before).toBeCloseTo(12 / 24, 6)
    expect(byMagnitude!.kept.after).toBeCloseTo(20 / 24, 6)
    // What is kept is 5, 5 and 100, 100 already: no order is better.
    expect(permutation(await planned(model, { criterion: wanda }, { forward }))).toBeUndefined()
  })

  test('is refused with statistics of the channels in their old order', async () => {
    // Met alike everywhere, units 0 to 3 crowd.
    const flat = parseText(text, { a: new Float32Array(8).fill(1), b: Float32Array.of(5, 5, 5, 5, 1, 1, 1, 1) })
    const { measured } = await measureAll(flat, [wanda], { forward })
    const step = permutation(await planned(flat, { criterion: wanda }, { forward }))!
    expect(step.groups[0]!.kept.before).toBeCloseTo(12 / 24, 6)
    const refused = planned(flat, { criterion: wanda }, { measured })
    await expect(refused).rejects.toThrow("criterion 'wanda' was given statistics of the channels in their old order")
  })
})

test('a plan made for another model is refused, with what does not fit', async () => {
  const model = crowded()
  const step = permutation(await planned(model))!
  const [group] = step.groups
  const tried = (change: object) => applied(model, { ...step, groups: [{ ...group!, ...change }] })
  await expect(tried({ order: [0, 0, 1, 2, 3, 4, 5, 6] })).rejects.toThrow('does not name each of its 8 units once')
  await expect(tried({ order: [0, 1, 2, 3, 4, 5, 6, 8] })).rejects.toThrow('does not name each of its 8 units once')
  await expect(tried({ order: [0, 1] })).rejects.toThrow('does not name each of its 8 units once')
  await expect(tried({ units: 6 })).rejects.toThrow('this model has it with 8')
  await expect(tried({ id: 'none' })).rejects.toThrow('has no such group')
})

import { type Model, modelBytes, parseText, readAll, valuesOf } from '@pare/onnx'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyPlan } from '../apply/apply.js'
import { noBits, setBit } from '../apply/mask-bits.js'
import type { MaskCriterion } from '../contract/contract.js'
import { makePlan } from '../plan/make-plan.js'
import type { PlanStep, PruneStep } from '../plan/plan.js'
import { formatPlan, parsePlan, planOf } from '../plan/plan-file.js'
import { magnitude, masking, neuron } from '../plan/plugins.test.data.js'
import { keepZeros } from './keep-zeros.js'
import { transferSteps } from './transfer.js'
import { keptIn, zerosOf } from './zeros.js'

const free = masking({ kind: 'free' })
const random = { ...magnitude, name: 'random', saliency: (_, ops) => ops.random() } satisfies typeof magnitude

const layers = (a: readonly number[], b: readonly number[]) =>
  parseText(
    `g (float[N, 2] x) => (float[N, 2] z) <float[2, 4] a = {${a}}, float[4, 2] b = {${b}}> { y = MatMul(x, a) z = MatMul(y, b) }`,
  )
const model = () => layers([1, -2, 3, -4, 5, -6, 7, -8], [8, 7, 6, 5, 4, 3, 2, 1])

async function valuesIn(one: Model): Promise<Readonly<Record<string, readonly number[]>>> {
  const entries = one.graph.initializers.map(
    async ({ name, type, data }) => [name, Array.from(valuesOf(type, await readAll(data)), Number)] as const,
  )
  return Object.fromEntries(await Promise.all(entries))
}

/** A mask of one weight, by the numbers of its elements that go. */
function maskOf(id: string, elements: readonly number[], size: number): MaskCriterion {
  const bits = noBits(size)
  for (const element of elements) setBit(bits, element)
  return { kind: 'mask', name: 'mask from a test', zeros: async (weight) => (weight.id === id ? bits : undefined) }
}

const planned = async (one: Model, steps: readonly PruneStep[]) => (await makePlan(one, steps, { seed: 4 })).steps
const applied = (one: Model, steps: readonly PlanStep[]) => applyPlan(one, { seed: 4, steps })

describe('a mask from outside', () => {
  test('zeroes what it names and nothing else, by hand', async () => {
    const steps = await planned(layers([1, 0, 3, -4, 5, -6, 7, -8], [8, 7, 6, 5, 4, 3, 2, 1]), [
      { structure: free, criterion: maskOf('a', [0, 1, 7], 8) },
    ])
    const [step] = steps
    expect(step).toMatchObject({ kind: 'mask', structure: 'free', criterion: 'mask from a test' })
    expect(step).not.toHaveProperty('target')
    // One element is zero already and two more go; the other weight is not in the plan.
    expect(step?.kind === 'mask' && step.weights.map(({ rule: _, ...rest }) => rest)).toEqual([
      { id: 'a', elements: 8, zeros: 1, masked: 3 },
    ])
    expect(await valuesIn(await applied(model(), steps))).toEqual({ a: [0, 0, 3, -4, 5, -6, 7, 0], b: [8, 7, 6, 5, 4, 3, 2, 1] })
  })

  test('stands in the text of a plan, and is read back', async () => {
    const steps = await planned(model(), [{ structure: free, criterion: maskOf('b', [2], 8) }])
    const plan = planOf({ path: 'm.onnx', bytes: 1, sha256: '0'.repeat(64) }, 4, steps)
    expect(await parsePlan(formatPlan(plan), 'plan')).toEqual(plan)
  })

  test('keep: the zeros that are there are the mask, and the model stays as it is, minus zeros too', async () => {
    const one = layers([0, -2, 3, -0, 5, -6, 7, 0], [8, 7, 6, 5, 4, 3, 2, 1])
    const steps = await planned(one, [{ structure: free, criterion: keepZeros }])
    expect(steps[0]?.kind === 'mask' && steps[0].weights.map(({ id, zeros, masked }) => [id, zeros, masked])).toEqual([
      ['a', 3, 3],
      ['b', 0, 0],
    ])
    expect(await modelBytes(await applied(one, steps))).toEqual(await modelBytes(one))
  })

  test('of another size is told', async () => {
    const step = { structure: free, criterion: maskOf('a', [0], 80) }
    await expect(planned(model(), [step])).rejects.toThrow(
      "mask from a test: 10 bytes of bits for 'a', which has 8 elements: 1 were expected.",
    )
  })

  test('whoever made it may refuse the model', async () => {
    const check: NonNullable<MaskCriterion['check']> = ({ weights, notEligible }) => {
      throw new Error(`${weights.map(({ id }) => id)} without ${notEligible.map(({ id, byUser }) => `${id} ${byUser}`)}`)
    }
    const step = { structure: free, criterion: { ...maskOf('a', [], 8), check }, exclude: ['b'] }
    await expect(planned(model(), [step])).rejects.toThrow('a without b true')
  })

  test.each<[Partial<PruneStep>, string]>([
    [{ structure: neuron }, "a mask is of single elements, and structure 'neuron' cuts units"],
    [
      { structure: { ...masking({ kind: 'nm', n: 2, m: 4 }), pattern: 'nm' } },
      "structure 'nm' chooses them by a pattern of its own",
    ],
    // Its pattern shows only once it has found weights.
    [{ structure: masking({ kind: 'tile', rows: 2, columns: 2 }) }, "structure 'tile' chooses them by a pattern of its own"],
    [{ target: { sparsity: 0.5 } }, 'says which elements go, and target ({"sparsity":0.5}) says it too'],
    [{ scope: 'row' }, 'scope (row) says it too'],
    [{ allocation: 'erk' }, 'allocation (erk) says it too'],
    [{ normalize: 'lamp' }, 'normalize (lamp) says it too'],
    [{ sequential: true }, 'sequential (true) says it too'],
    [{ minUnits: 2 }, 'minUnits 2: that is for structures that cut units'],
  ])('refuses %o', async (more, message) => {
    await expect(planned(model(), [{ structure: free, criterion: maskOf('a', [], 8), ...more }])).rejects.toThrow(message)
  })
})

describe('a plan for another model', () => {
  const numbers = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 8, maxLength: 8 })

  test('makes zero there what it made zero in the original, whatever stands there, by hand', async () => {
    const steps = await planned(model(), [{ structure: free, criterion: magnitude, target: { sparsity: 0.5 } }])
    const other = layers([9, 9, 9, 9, 1, 1, 1, 1], [1, 1, 1, 1, 9, 9, 9, 9])
    const transferred = await transferSteps({ seed: 4, steps }, { from: model(), to: other })
    // 1 1 2 2 3 3 4 4 of the original are the lowest eight: the first four of a, the last four of b.
    expect(await valuesIn(await applied(other, transferred))).toEqual({
      a: [0, 0, 0, 0, 1, 1, 1, 1],
      b: [1, 1, 1, 1, 0, 0, 0, 0],
    })
  })

  test('zeros that the original had from the beginning are zeros there too', async () => {
    const from = layers([0, 0, 0, 0, 5, 6, 7, 8], [8, 7, 6, 5, 4, 3, 2, 1])
    const steps = await planned(from, [{ structure: free, criterion: keepZeros }])
    const transferred = await transferSteps({ seed: 4, steps }, { from, to: model() })
    expect((await valuesIn(await applied(model(), transferred))).a).toEqual([0, 0, 0, 0, 5, -6, 7, -8])
  })

  test('for the original itself makes the same bytes, whatever the steps', async () => {
    const masks = fc.record({
      criterion: fc.constantFrom(magnitude, random),
      scope: fc.constantFrom('global' as const, 'tensor' as const, 'row' as const),
      target: fc.record({ sparsity: fc.double({ min: 0, max: 1, noNaN: true }) }),
    })
    const patterns = fc.constantFrom(
      { structure: masking({ kind: 'nm', n: 1, m: 2 }), criterion: magnitude },
      { structure: masking({ kind: 'nm', n: 1, m: 2 }, {}), criterion: magnitude },
      { structure: masking({ kind: 'tile', rows: 2, columns: 2 }), criterion: magnitude, target: { sparsity: 0.5 } },
      { structure: neuron, criterion: magnitude, target: { ratio: 0.25 } },
    )
    const step = fc.oneof(
      masks.map((more): PruneStep => ({ structure: free, ...more })),
      patterns.map((more): PruneStep => more),
    )
    await fc.assert(
      fc.asyncProperty(numbers, numbers, fc.array(step, { minLength: 1, maxLength: 3 }), async (a, b, wanted) => {
        const one = layers(a, b)
        const steps = await planned(one, wanted)
        const transferred = await transferSteps({ seed: 4, steps }, { from: one, to: one })
        expect(await modelBytes(await applied(one, transferred))).toEqual(await modelBytes(await applied(one, steps)))
      }),
      { numRuns: 25 },
    )
  })

  test('the mask of what comes out is a mask that makes the same of the original', async () => {
    await fc.assert(
      fc.asyncProperty(numbers, numbers, fc.double({ min: 0, max: 1, noNaN: true }), async (a, b, sparsity) => {
        const one = layers(a, b)
        const pruned = await applied(one, await planned(one, [{ structure: free, criterion: random, target: { sparsity } }]))
        const zeros = new Map(
          await Promise.all(pruned.graph.initializers.map(async (each) => [each.name, await zerosOf(each)] as const)),
        )
        const criterion: MaskCriterion = { kind: 'mask', name: 'mask', zeros: async ({ id }) => zeros.get(id) }
        const again = await applied(one, await planned(one, [{ structure: free, criterion }]))
        expect(await modelBytes(again)).toEqual(await modelBytes(pruned))
      }),
      { numRuns: 25 },
    )
  })

  test('cuts what it cut in the original', async () => {
    const steps = await planned(model(), [
      { structure: neuron, criterion: magnitude, target: { ratio: 0.25 } },
      { structure: free, criterion: magnitude, target: { sparsity: 0.5 } },
    ])
    const other = layers([1, 2, 3, 4, 5, 6, 7, 8], [10, 20, 30, 40, 50, 60, 70, 80])
    const transferred = await transferSteps({ seed: 4, steps }, { from: model(), to: other })
    // The last unit goes. Of 1 2 3 5 6 7, 8 7 6 5 4 3 the six lowest go: 1 2 3 and 3 4, and of the two fives that of a.
    expect(await valuesIn(await applied(other, transferred))).toEqual({ a: [0, 0, 0, 0, 6, 7], b: [10, 20, 30, 40, 0, 0] })
  })

  test('weights within a branch are found by the way to them', async () => {
    const branch = (w: string) => `
      g (bool c, float[N, 2] x) => (float[N, 2] y) {
        y = If(c) <then_branch = t () => (float[N, 2] p) <float[2, 2] w = {${w}}> { p = MatMul(x, w) },
                   else_branch = e () => (float[N, 2] q) <float[2, 2] w = {4, 3, 2, 1}> { q = MatMul(x, w) }>
      }`
    const [from, to] = [parseText(branch('1, 2, 3, 4')), parseText(branch('9, 9, 9, 9'))]
    const steps = await planned(from, [{ structure: free, criterion: magnitude, target: { sparsity: 0.5 } }])
    const transferred = await transferSteps({ seed: 4, steps }, { from, to })
    const ids = transferred.flatMap((step) => (step.kind === 'mask' ? step.weights.map(({ id, masked }) => [id, masked]) : []))
    expect(ids.map(([, masked]) => masked)).toEqual([2, 2])
    expect(new Set(ids.map(([id]) => id)).size).toBe(2)
  })

  test('another tensor where the plan touches one is told, with what it is', async () => {
    const steps = await planned(model(), [{ structure: neuron, criterion: magnitude, target: { ratio: 0.25 } }])
    const wider = parseText(
      'g (float[N, 3] x) => (float[N, 2] z) <float[3, 4] a = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, float[4, 2] b = {8, 7, 6, 5, 4, 3, 2, 1}> { y = MatMul(x, a) z = MatMul(y, b) }',
    )
    await expect(transferSteps({ seed: 4, steps }, { from: model(), to: wider })).rejects.toThrow(
      "the plan changes tensors that this model has otherwise: 'a' is float32[3,4] and not float32[2,4].",
    )
    const renamed = parseText(
      'g (float[N, 2] x) => (float[N, 2] z) <float[2, 4] a = {1, 2, 3, 4, 5, 6, 7, 8}, float[4, 2] c = {8, 7, 6, 5, 4, 3, 2, 1}> { y = MatMul(x, a) z = MatMul(y, c) }',
    )
    await expect(transferSteps({ seed: 4, steps }, { from: model(), to: renamed })).rejects.toThrow(
      "'b', float32[4,2], is not there.",
    )
    const idle = parseText(
      'g (float[N, 2] x) => (float[2, 4] z) <float[2, 4] a = {1, 2, 3, 4, 5, 6, 7, 8}, float[4, 2] b = {8, 7, 6, 5, 4, 3, 2, 1}> { z = Identity(a) }',
    )
    const masked = await planned(model(), [{ structure: free, criterion: magnitude, target: { sparsity: 0.5 } }])
    await expect(transferSteps({ seed: 4, steps: masked }, { from: model(), to: idle })).rejects.toThrow(
      "the plan masks 'a', and this model multiplies nothing with it.",
    )
  })

  test('steps that bring numbers of their own are refused', async () => {
    const update: PlanStep = { kind: 'update', by: 'repair', notes: [], tensors: [] }
    await expect(transferSteps({ seed: 4, steps: [update] }, { from: model(), to: model() })).rejects.toThrow(
      'the plan gives 0 tensors numbers of its own (by repair), and these belong to the model that it was made for.',
    )
  })
})

test('a mask says 1 where an element stays: not where it is zero, of either sign', async () => {
  const [tensor] = layers([0, -0, 1, -1, 1e-45, 2, 3, 0], [1, 1, 1, 1, 1, 1, 1, 1]).graph.initializers
  const kept: number[] = []
  for await (const piece of keptIn(tensor!)) kept.push(...piece)
  expect(kept).toEqual([0, 0, 1, 1, 1, 1, 1, 0])
  expect([...(await zerosOf(tensor!))]).toEqual([0b10000011])
})

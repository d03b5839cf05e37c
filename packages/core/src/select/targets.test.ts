import { fileURLToPath } from 'node:url'
import { editTensor, type Model, modelBytes, openModel, type Payload, parseText, type Tensor, withTensors } from '@pare/onnx'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countMacs } from '../analyse/macs.js'
import { countParameters } from '../analyse/zeros.js'
import { applyPlan } from '../apply/apply.js'
import type { Criterion, Structure } from '../contract/contract.js'
import { makePlan } from '../plan/make-plan.js'
import type { Budget, CutStep, PruneStep } from '../plan/plan.js'
import { shareFor } from './targets.js'

const magnitude: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }
/** Whatever is made by one weight and summed over by another. */
const unit: Structure = {
  name: 'unit',
  kind: 'cut',
  find: ({ coupled }) => ({
    groups: coupled.filter(({ held, roles }) => held === undefined && !roles.has('norm')),
    declined: [],
  }),
}

/** 4 inputs, 8 hidden units, 2 outputs: one unit is 4 + 1 + 2 of the 8·7 + 2 parameters, and 6 of the 48 MACs. */
const values = (count: number) => Array.from({ length: count }, (_, i) => Math.sin(i + 1).toFixed(3)).join(', ')
const small = parseText(
  `g (float[N, 4] x) => (float[N, 2] y) <float[4, 8] a = {${values(32)}}, float[8] b = {${values(8)}}, float[8, 2] c = {${values(16)}}, float[2] d = {1, 2}>
   { h = Gemm(x, a, b)
     r = Relu(h)
     y = Gemm(r, c, d) }`,
)

async function cut(
  model: Model,
  target: CutStep['target'],
  more: Partial<PruneStep> = {},
): Promise<{ step: CutStep; left: Model }> {
  const { steps } = await makePlan(model, [{ structure: unit, criterion: magnitude, target, ...more }], { seed: 1 })
  return { step: steps[0] as CutStep, left: await applyPlan(model, { seed: 1, steps }) }
}
const countRemoved = ({ groups }: CutStep) => groups.reduce((total, { removed }) => total + removed.length, 0)

describe('a budget removes the fewest units that meet it', () => {
  test.each([
    // 48 MACs, 6 a unit: half are 4 units; 0.51 allow 24.48, so 4 units too, and 0.49 needs 5.
    [{ macs: 0.5 }, 4],
    [{ macs: 0.51 }, 4],
    [{ macs: 0.49 }, 5],
    // 58 parameters, 7 a unit: 29 may stay, which 58 − 5·7 = 23 meets and 58 − 4·7 = 30 does not.
    [{ parameters: 0.5 }, 5],
    [{ parameters: 0.52 }, 4],
    [{ parameters: 1 }, 0],
  ] as const)('%j: %i of 8', async (target, expected) => {
    const { step } = await cut(small, target)
    expect(countRemoved(step)).toBe(expected)
    expect(step.target).toEqual(target)
  })

  test('bytes are those of the file that is written', async () => {
    const before = (await modelBytes(small)).length
    const { step, left } = await cut(small, { bytes: 0.8 })
    const after = (await modelBytes(left)).length
    expect(after).toBeLessThanOrEqual(0.8 * before)
    const one = await cut(small, { ratio: (countRemoved(step) - 1) / 8 })
    expect((await modelBytes(one.left)).length).toBeGreaterThan(0.8 * before)
  })

  test('the fraction is of the model before all steps', async () => {
    const first = { structure: unit, criterion: magnitude, target: { macs: 0.75 } }
    const { steps } = await makePlan(small, [first, { ...first, target: { macs: 0.5 } }], { seed: 1 })
    expect(steps.map((step) => countRemoved(step as CutStep))).toEqual([2, 2])
  })
})

test('no weight is read to count what is left', async () => {
  // 4 inputs, 512 hidden units, 2 outputs, of which only the two biases can be read. 112 units stay: what is tiny may be a size, and is looked at.
  const wide = parseText(
    `g (float[N, 4] x) => (float[N, 2] y) <float[4, 512] a = {${values(2048)}}, float[512, 2] c = {${values(1024)}}, float[2] d = {1, 2}>
     { h = MatMul(x, a)
       r = Relu(h)
       y = Gemm(r, c, d) }`,
  )
  const { step } = await cut(wide, { ratio: 0.5 })
  const unread = withTensors(wide, (tensor) =>
    tensor.shape.length === 1 ? tensor : editTensor(tensor, { data: unreadable(tensor) }),
  )
  const [{ id, units }] = step.groups as [CutStep['groups'][number]]
  const share = await shareFor({
    budget: { macs: 0.5 },
    model: unread,
    structure: 'unit',
    units,
    progress: () => {},
    without: (share) => {
      const removed = Array.from({ length: Math.min(400, Math.round(units * share)) }, (_, unit) => unit)
      return applyPlan(unread, { seed: 1, steps: [{ ...step, groups: [{ id, units, removed }] }] })
    },
  })
  expect(share).toBe(0.5)
})

test('a target of latency asks for times, and takes the fewest units with which the time is met', async () => {
  const small = parseText(
    `g (float[N, 4] x) => (float[N, 2] y) <float[4, 16] a = {${values(64)}}, float[16, 2] c = {${values(32)}}>
     { h = MatMul(x, a)
       r = Relu(h)
       y = MatMul(r, c) }`,
  )
  const step = { structure: unit, criterion: magnitude, target: { latency: 0.7 } }
  // A run takes 0.2 of the time whatever the width, and the rest in proportion to it.
  const latency = async (model: Model, original: Model) => {
    const width = ({ graph }: Model) => graph.initializers[0]!.shape[1]!
    return 0.2 + (0.8 * width(model)) / width(original)
  }
  const { steps } = await makePlan(small, [step], { seed: 1, latency })
  // 0.2 + 0.8 · 10 ÷ 16 = 0.7
  expect(countRemoved(steps[0] as CutStep)).toBe(6)
  await expect(makePlan(small, [step], { seed: 1 })).rejects.toThrow(
    "structure 'unit' has a target of latency, and nothing here runs models.",
  )
})

function unreadable({ name, data: { byteLength } }: Tensor): Payload {
  return { byteLength, read: () => Promise.reject(new Error(`'${name}' was read`)) }
}

const sizes = {
  macs: async (model: Model) => (await countMacs(model))!,
  parameters: async (model: Model) => (await countParameters(model)).elements,
}

describe.each(['mnist-resnet20-bn', 'mlp-digits'])('%s', (name) => {
  test('law: the budget is met, and with one unit fewer it is not', async () => {
    await using file = await openModel(fileURLToPath(new URL(`../../../../test-models/${name}.onnx`, import.meta.url)))
    const { model } = file
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('macs', 'parameters'),
        fc.double({ min: 0.1, max: 0.95, noNaN: true }),
        async (kind, limit) => {
          const all = await sizes[kind](model)
          const { step, left } = await cut(model, { [kind]: limit } as unknown as Budget, { scope: 'global' })
          expect(await sizes[kind](left)).toBeLessThanOrEqual(limit * all)
          const units = step.groups.reduce((total, group) => total + group.units, 0)
          const fewer = await cut(model, { ratio: (countRemoved(step) - 1) / units }, { scope: 'global' })
          expect(countRemoved(fewer.step)).toBe(countRemoved(step) - 1)
          expect(await sizes[kind](fewer.left)).toBeGreaterThan(limit * all)
        },
      ),
      { numRuns: 5 },
    )
  })
})

describe('what cannot be met is an error', () => {
  test('that says the lowest fraction, which can be met', async () => {
    // One unit stays: 6 of 48 MACs.
    await expect(cut(small, { macs: 0.1 })).rejects.toThrow(
      "structure 'unit' cannot bring the model to 0.1 of its macs: with all units removed that may go, 0.125 remain.",
    )
    expect(countRemoved((await cut(small, { macs: 0.125 })).step)).toBe(7)
    await expect(cut(small, { macs: 0.125 }, { minUnits: 3 })).rejects.toThrow('0.375 remain')
  })

  test('where MACs do not follow from the model', async () => {
    const unknown = parseText(
      `<ir_version: 8, opset_import: ["": 18, "com.acme": 1]>
       g (float[N, 4] x) => (float[N, 2] y) <float[4, 8] a = {${values(32)}}, float[8, 4] c = {${values(32)}}, float[3, 2] e = {${values(6)}}>
       { h = MatMul(x, a)
         r = Relu(h)
         s = MatMul(r, c)
         t = com.acme.Secret(s)
         u = MatMul(t, e)
         y = com.acme.Secret(u) }`,
    )
    await expect(cut(unknown, { macs: 0.5 })).rejects.toThrow('they cannot be counted')
    expect(countRemoved((await cut(unknown, { parameters: 0.5 })).step)).toBeGreaterThan(0)
  })

  test('a fraction that is none', async () => {
    for (const macs of [0, 1.5, Number.NaN])
      await expect(cut(small, { macs })).rejects.toThrow(`macs is ${macs}; a fraction above 0 and up to 1 was expected.`)
  })

  test('a budget for what masks', async () => {
    const mask: Structure = {
      name: 'element',
      find: ({ weights }) => ({
        groups: weights.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'free' } })),
        declined: [],
      }),
    }
    await expect(cut(small, { bytes: 0.5 }, { structure: mask })).rejects.toThrow(
      'structure \'element\' masks elements and takes a sparsity, not {"bytes":0.5}.',
    )
  })
})

test('work is told of step by step, scores first, then tries', async () => {
  const reports: { done: number; total: number }[] = []
  const step = { structure: unit, criterion: magnitude, target: { macs: 0.5 } }
  await makePlan(small, [step], { seed: 1, onProgress: (progress) => void reports.push(progress) })
  expect(reports.map(({ done }) => done)).toEqual(reports.map((_, i) => i + 1))
  expect(reports.at(-1)!.done).toBeLessThanOrEqual(reports[0]!.total)
})

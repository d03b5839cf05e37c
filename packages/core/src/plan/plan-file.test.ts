import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { applyPlan } from '../apply/apply.js'
import type { Criterion, Structure } from '../contract/contract.js'
import { makePlan } from './make-plan.js'
import type { Plan, PruneStep, Target } from './plan.js'
import { formatPlan, parsePlan, planOf } from './plan-file.js'

const model = () =>
  parseText('g (float[N, 4] x) => (float[N, 3] y) <float[4, 3] w> { y = MatMul(x, w) }', {
    w: Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)),
  })
const facts = { path: 'm.onnx', bytes: 1, sha256: 'a'.repeat(64) }
const criteria: Record<string, Criterion> = {
  magnitude: { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) },
  random: { name: 'random', needs: {}, saliency: (_, ops) => ops.random() },
}

const element: Structure = {
  name: 'element',
  find: ({ weights }) => ({
    groups: weights.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'free' } })),
    declined: [],
  }),
}

async function plan(criterion: keyof typeof criteria, step: Partial<PruneStep> & { target: Target }): Promise<Plan> {
  const { steps } = await makePlan(model(), [{ structure: element, criterion: criteria[criterion]!, ...step }], { seed: 5 })
  return planOf(facts, 5, steps)
}

describe('a plan', () => {
  test.each([
    ['magnitude', { target: { sparsity: 0.5 } }],
    ['magnitude', { target: { sparsity: 0.5 }, scope: 'row' }],
    ['random', { target: { sparsity: 0.25 } }],
    ['magnitude', { target: { threshold: 0.3 } }],
  ] as const)('%s %o: read back it gives the same bytes', async (criterion, step) => {
    const made = await plan(criterion, step)
    const read = await parsePlan(formatPlan(made), 'p.json')
    expect(read).toEqual(made)
    expect(await modelBytes(await applyPlan(model(), read))).toEqual(await modelBytes(await applyPlan(model(), made)))
  })

  test('another seed masks other elements', async () => {
    const made = await plan('random', { target: { sparsity: 0.5 } })
    const [one, two] = await Promise.all(
      [made, { ...made, seed: 6 }].map(async (each) => modelBytes(await applyPlan(model(), each))),
    )
    expect(one).not.toEqual(two)
  })

  test('for another model is refused, naming the weight', async () => {
    const made = await plan('magnitude', { target: { sparsity: 0.5 } })
    const other = parseText('g (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {1, 2}> { y = MatMul(x, w) }')
    await expect(applyPlan(other, made)).rejects.toThrow(
      "the plan masks 'w' with 12 elements, and this model has it with shape [2,1].",
    )
  })
})

describe('a plan from a stranger', () => {
  const hostile = async (change: (step: Record<string, unknown>) => void) => {
    const made = JSON.parse(formatPlan(await plan('magnitude', { target: { sparsity: 0.5 } })))
    change(made.steps[0])
    return parsePlan(JSON.stringify(made), 'p.json')
  }

  test('that hides code in a constant is refused', async () => {
    await expect(
      hostile((step) => Object.assign(step, { saliency: { op: 'constant', value: '0); process.exit(7); (0' } })),
    ).rejects.toThrow('steps.0.saliency')
  })

  test('with an unknown operator, a wrong count or a field too many is refused', async () => {
    await expect(hostile((step) => Object.assign(step, { saliency: { op: 'eval', of: { op: 'weight' } } }))).rejects.toThrow(
      'steps.0.saliency',
    )
    await expect(hostile((step) => Object.assign(step, { weights: [{ id: 'w', elements: -1 }] }))).rejects.toThrow(
      'steps.0.weights.0',
    )
    await expect(hostile((step) => Object.assign(step, { extra: 1 }))).rejects.toThrow('extra')
  })

  test('nested without end or not JSON at all is refused, without a crash', async () => {
    const deep = `${'{"of":'.repeat(200_000)}1${'}'.repeat(200_000)}`
    await expect(parsePlan(deep, 'p.json')).rejects.toThrow(/p\.json/)
    await expect(parsePlan('{', 'p.json')).rejects.toThrow('p.json is not JSON')
  })
})

import { parseText, readAll } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { applyPlan } from '../apply/apply.js'
import type { AnyCriterion, Structure } from '../contract/contract.js'
import { checkStep } from './check-step.js'
import { makePlan } from './make-plan.js'
import type { PruneStep } from './plan.js'
import { magnitude, masking, neuron, wanda } from './plugins.test.data.js'

const model = () =>
  parseText(
    'g (float[N, 2] x) => (float[N, 2] z) <float[2, 4] a = {1, -2, 3, -4, 5, -6, 7, -8}, float[4, 2] b = {8, 7, 6, 5, 4, 3, 2, 1}> { y = MatMul(x, a) z = MatMul(y, b) }',
  )
const free = masking({ kind: 'free' })
const solver: AnyCriterion = { kind: 'solver', name: 'solver', needs: {}, solve: async ({ weight }) => ({ weight, notes: [] }) }
const units: AnyCriterion = { kind: 'units', name: 'units', score: async () => [] }

test('each step sees what the steps before leave, by hand', async () => {
  const steps: PruneStep[] = [
    // Units of Σ|w| over both weights: 6 + 15, 8 + 11, 10 + 7, 12 + 3: the last goes.
    { structure: neuron, criterion: magnitude, target: { ratio: 0.25 } },
    // Of 1, 2, 3, 5, 6, 7 and 8, 7, 6, 5, 4, 3 left, the four lowest of 12 go: 1, 2, 3, 3.
    { structure: free, criterion: magnitude, target: { sparsity: 1 / 3 } },
  ]
  const { steps: planned, groups, declined } = await makePlan(model(), steps, { seed: 1 })
  expect(planned.map(({ kind }) => kind)).toEqual(['cut', 'mask'])
  expect(groups.map(({ id, structure }) => [id, structure])).toEqual([
    ['a:1', 'neuron'],
    ['a', 'free'],
    ['b', 'free'],
  ])
  expect(declined).toEqual([])
  const { graph } = await applyPlan(model(), { seed: 1, steps: planned })
  const values = await Promise.all(
    graph.initializers.map(async ({ data }) => [...new Float32Array((await readAll(data)).slice().buffer)]),
  )
  expect(values.map((each) => each.map(Math.abs))).toEqual([
    [0, 0, 0, 5, 6, 7],
    [8, 7, 6, 5, 4, 0],
  ])
})

test('where nothing is found it says what was looked under, and what was declined', async () => {
  const nothing: Structure = {
    name: 'none',
    find: () => ({ groups: [], declined: [{ id: 'a', structure: 'none', reason: 'it is odd' }] }),
  }
  const planned = makePlan(
    model(),
    [{ structure: nothing, criterion: magnitude, target: { sparsity: 0.5 }, include: ['a'], exclude: ['b'] }],
    { seed: 1 },
  )
  await expect(planned).rejects.toThrow(
    "structure 'none' finds nothing to prune under --include 'a' --exclude 'b': left out are a (it is odd), b (not among what --include names).",
  )
})

test('a structure that mixes what is cut with what is masked is a bug of its author', async () => {
  const mixed: Structure = {
    ...{ name: 'mixed', kind: 'cut' },
    find: (analysis) => ({ groups: [...neuron.find(analysis).groups, ...free.find(analysis).groups], declined: [] }),
  }
  const planned = makePlan(model(), [{ structure: mixed, criterion: magnitude, target: { ratio: 0.5 } }], { seed: 1 })
  await expect(planned).rejects.toThrow("structure 'mixed' mixes groups that are masked with groups that are cut")
})

describe('what does not go together is refused before a model is read', () => {
  const cut = { structure: neuron, criterion: magnitude, target: { ratio: 0.5 } } as const
  const mask = { structure: free, criterion: magnitude, target: { sparsity: 0.5 } } as const
  const nm = masking({ kind: 'nm', n: 2, m: 4 })

  test.each<[PruneStep, string]>([
    [
      { ...cut, target: { sparsity: 0.5 } },
      'structure \'neuron\' cuts units and takes a ratio or a budget, not {"sparsity":0.5}.',
    ],
    [{ structure: neuron, criterion: magnitude }, 'takes a ratio or a budget, not none.'],
    [
      { ...cut, criterion: solver },
      "criterion 'solver' changes single weights, and cannot judge units; structure 'neuron' does not go with it.",
    ],
    [{ ...cut, target: { ratio: 1 } }, 'ratio is 1; a number from 0 to below 1 was expected.'],
    [{ ...cut, target: { ratio: -0.1 } }, 'ratio is -0.1'],
    [{ ...cut, target: { macs: 0 } }, 'macs is 0; a fraction above 0 and up to 1 was expected.'],
    [{ ...cut, target: { parameters: 1.5 } }, 'parameters is 1.5'],
    [
      { ...cut, criterion: units, norm: 'l2' },
      "criterion 'units' judges whole units, and norm l2 puts saliencies of elements together.",
    ],
    [{ ...cut, allocation: 'erk' }, "allocation spreads zeros over weights, and structure 'neuron' cuts units."],
    [{ ...cut, normalize: 'lamp' }, "normalize lamp compares elements of weights, and structure 'neuron' cuts units."],
    [
      { ...cut, sequential: true },
      "criterion 'magnitude' looks at weights only, and sequential pruning changes nothing about it.",
    ],
    [{ ...mask, target: { ratio: 0.5 } }, 'structure \'free\' masks elements and takes a sparsity, not {"ratio":0.5}.'],
    [{ structure: free, criterion: magnitude }, "structure 'free' masks elements and takes a sparsity, not none."],
    [{ ...mask, target: { sparsity: 1.5 } }, 'sparsity is 1.5; a number from 0 to 1 was expected.'],
    [{ ...mask, target: { sparsity: Number.NaN } }, 'sparsity is NaN'],
    [
      { ...mask, target: { threshold: Number.POSITIVE_INFINITY } },
      'threshold is Infinity; a finite number from 0 on was expected.',
    ],
    [
      { ...mask, criterion: units },
      "criterion 'units' judges whole units, and cannot judge single elements; structure 'free' does not go with it.",
    ],
    [
      { ...mask, criterion: solver, target: { threshold: 1 } },
      "solver 'solver' changes weights to a sparsity, and takes no threshold.",
    ],
    [
      { ...mask, criterion: wanda, sequential: true, scope: 'global' },
      "sequential pruning decides weight by weight, and scope 'global' ranks all of them together.",
    ],
    [{ ...mask, structure: nm, target: { sparsity: 0.7 } }, "structure 'nm' always masks 0.5 of the elements"],
    [
      { ...mask, allocation: 'erk', scope: 'global' },
      "scope 'global' ranks weights together, and allocation tells how much of each goes.",
    ],
    [{ ...mask, allocation: 'owl', criterion: solver }, "allocation owl looks at saliencies, and 'solver' is a solver."],
    [
      { ...mask, allocation: 'erk', criterion: wanda, sequential: true },
      'allocation looks at all weights at once, and sequential pruning at one block after another.',
    ],
    [
      { ...mask, allocation: 'erk', target: { threshold: 1 } },
      'allocation spreads a sparsity over weights, and a threshold is the same for all.',
    ],
    [{ ...mask, allocation: { owl: { lambda: -1 } } }, 'allocation owl: lambda is -1; a finite number from 0 on was expected.'],
    [{ ...mask, normalize: 'lamp', criterion: solver }, "normalize lamp needs a saliency, and 'solver' is a solver."],
    [
      { ...mask, normalize: 'lamp', allocation: 'erk' },
      'normalize lamp decides how much of each weight goes, and so does allocation.',
    ],
    [
      { ...mask, normalize: 'lamp', scope: 'row' },
      "normalize lamp makes weights comparable, and scope 'row' does not compare them.",
    ],
    [
      { ...mask, normalize: 'lamp', target: { threshold: 1 } },
      'normalize lamp ranks by scores of its own, and a threshold is one of saliencies.',
    ],
  ])('%#', (step, message) => {
    expect(() => checkStep(step)).toThrow(message)
  })

  test.each<PruneStep>([
    cut,
    mask,
    { structure: nm, criterion: magnitude },
    { ...mask, structure: nm },
    { ...mask, criterion: wanda, sequential: true },
    { ...mask, criterion: solver, allocation: { curves: {} } },
    { ...mask, criterion: wanda, sequential: true, allocation: 'uniform' },
  ])('and what does is not: %#', (step) => {
    expect(() => checkStep(step)).not.toThrow()
  })

  test('a pattern that shows only once weights are found is checked then', async () => {
    const step: PruneStep = {
      structure: { ...nm, name: 'late' },
      criterion: magnitude,
      target: { sparsity: 0.5 },
      allocation: 'erk',
    }
    await expect(makePlan(model(), [step], { seed: 1 })).rejects.toThrow(
      "allocation spreads zeros over weights, and structure 'late' takes as many of each",
    )
    const tiles: PruneStep = {
      structure: masking({ kind: 'tile', rows: 1, columns: 2 }),
      criterion: magnitude,
      target: { sparsity: 0.5 },
      normalize: 'lamp',
    }
    await expect(makePlan(model(), [tiles], { seed: 1 })).rejects.toThrow(
      "normalize lamp compares single elements, and structure 'tile' takes blocks",
    )
  })
})

test('a threshold masks exactly what lies below it, also where it is no number of f32', async () => {
  // 0.7 lies between two of them: fround(0.7) is smaller.
  const [under, over] = [Math.fround(0.7), Math.fround(0.7) + 2 ** -24]
  const values = Float32Array.of(under, over, 0.5, -under, -over, 1, 0, 2)
  const text = 'g (float[N, 2] x) => (float[N, 4] y) <float[2, 4] w> { y = MatMul(x, w) }'
  const { steps } = await makePlan(
    parseText(text, { w: values }),
    [{ structure: free, criterion: magnitude, target: { threshold: 0.7 } }],
    { seed: 1 },
  )
  const { graph } = await applyPlan(parseText(text, { w: values }), { seed: 1, steps })
  const left = [...new Float32Array((await readAll(graph.initializers[0]!.data)).slice().buffer)]
  expect(left.map(Math.abs)).toEqual([...values].map((value) => (Math.abs(value) < 0.7 ? 0 : Math.abs(value))))
  expect(under).toBeLessThan(0.7)
})

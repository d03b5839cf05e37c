import { type Model, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { weightsOf } from '../analyse/analyse.js'
import { type Data, forwardOver } from '../calibrate/forward.test.support.js'
import type { Differentiation } from '../calibrate/gradients.js'
import { measureOutputsAndInputs } from '../calibrate/outputs-and-inputs.js'
import type { Solver, WeightProblem } from '../contract/contract.js'
import { makePlan } from '../plan/make-plan.js'
import { magnitude, masking } from '../plan/plugins.test.data.js'
import { fisherAllocation, sharesBelow } from './fisher.js'

/** x → a → b; the derivative of the loss by each is made up: twice the value of one, the value of the other. */
const model = () =>
  parseText(
    'g (float[N, 2] x) => (float[N, 2] y) <float[2, 2] a = {1, 2, 3, 4}, float[2, 2] b = {1, 1, 1, 1}> { h = MatMul(x, a) y = MatMul(h, b) }',
  )

const DERIVED = `<ir_version: 8, opset_import: ["" : 18]> g (float[N, 2] x) => (float[N, 2] gh, float[N, 2] gy)
  <float[2, 2] a = {1, 2, 3, 4}, float[2, 2] b = {1, 1, 1, 1}, float[1] hundredth = {0.01}>
  { h = MatMul(x, a) y = MatMul(h, b) rows = Shape<start = 0, end = 1>(x) n = Cast<to = 1>(rows) half = Div(h, n) gh = Add(half, half) small = Mul(y, hundredth) gy = Div(small, n) }`

/** h = (1, 2) and (3, 4) − (1, 2) = (2, 2); y = (3, 3) and (4, 4). */
const data: Data = { x: { data: Float32Array.of(1, 0, -1, 1), shape: [2, 2] } }

const gradients: Differentiation = {
  forward: forwardOver(data),
  async differentiate() {
    return {
      model: parseText(DERIVED),
      gradients: new Map([
        ['h', 'gh'],
        ['y', 'gy'],
      ]),
    }
  },
}

test('what the loss feels of outputs, and the sums of products of inputs, by hand', async () => {
  const measured = await measureOutputsAndInputs(model(), weightsOf(model()), { gradients })
  // (2h)²: 4 · (1 + 4) ÷ 2 and 4 · (4 + 4) ÷ 2. The loss is a mean over two samples, whose derivative is half of that of one.
  expect([...measured.get('a')!.squares]).toEqual([10, 16])
  // (y ÷ 100)²: (9 + 16) ÷ 2 ÷ 10⁴.
  for (const square of measured.get('b')!.squares) expect(square).toBeCloseTo(12.5e-4, 8)
  // xᵀx over (1, 0) and (−1, 1); hᵀh over (1, 2) and (2, 2).
  expect([...measured.get('a')!.gram]).toEqual([2, -1, -1, 1])
  expect([...measured.get('b')!.gram]).toEqual([5, 6, 6, 8])
})

test('more goes of the weight whose outputs the loss feels less, and all counts add up', async () => {
  const { counts: byId } = await fisherAllocation(weightsOf(model()), { model: model(), sparsity: 0.5 }, { seed: 1, gradients })
  const counts = Object.values(byId)
  expect(counts.reduce((a, b) => a + b, 0)).toBe(4)
  expect(counts[1]!).toBeGreaterThan(counts[0]!)
})

test('the threshold gives each layer its share, within bounds', () => {
  const layer = (...buckets: readonly [bucket: number, count: number][]) => {
    const counts = new Uint32Array(2 ** 11)
    for (const [bucket, count] of buckets) counts[bucket] = count
    return { elements: buckets.reduce((sum, [, count]) => sum + count, 0), counts }
  }
  // Below bucket 150 lie 60 of one and 40 of the other.
  expect(sharesBelow([layer([100, 60], [200, 40]), layer([100, 40], [200, 60])], 0.5)).toEqual([60, 40])
  // All of the first lies below the second; 1 − ¼ · ½ of it may go, and at least ½ − 0.3 of the other.
  expect(sharesBelow([layer([100, 100]), layer([200, 100])], 0.5)).toEqual([80, 20])
  expect(sharesBelow([layer([100, 1000]), layer([200, 9000])], 0.5)).toEqual([875, 4125])
})

test('any criterion and any solver takes the counts, block by block too', async () => {
  const target = { sparsity: 0.5 }
  const options = { seed: 1, gradients, forward: forwardOver(data) }
  const { counts: byId } = await fisherAllocation(weightsOf(model()), { model: model(), sparsity: 0.5 }, options)
  const counts = Object.values(byId)
  const problems: WeightProblem[] = []
  const solver: Solver = {
    ...{ kind: 'solver', name: 'keep-last', needs: { gram: { at: 'input', reduce: 'gram' } } },
    solve: async (problem) => {
      problems.push(problem)
      return { weight: problem.weight.map((w, i) => (i < problem.zeros ? 0 : w)), notes: [] }
    },
  }
  const masked = async (model: Model, criterion: Solver | typeof magnitude) => {
    const step = { structure: masking({ kind: 'free' }), criterion, target, allocation: 'fisher' } as const
    const { steps } = await makePlan(model, [step], options)
    return steps.flatMap((each) => (each.kind === 'mask' ? each.weights.map(({ masked }) => masked) : []))
  }
  expect(await masked(model(), magnitude)).toEqual([...counts])
  expect(await masked(model(), solver)).toEqual([...counts])
  expect(problems.map(({ zeros }) => zeros)).toEqual([...counts])
  expect(problems.map(({ felt }) => [...felt!])[0]).toEqual([10, 16])
})

test('without training data it says what it needs', async () => {
  const step = {
    structure: masking({ kind: 'free' }),
    criterion: magnitude,
    target: { sparsity: 0.5 },
    allocation: 'fisher',
  } as const
  await expect(makePlan(model(), [step], { seed: 1 })).rejects.toThrow(
    'allocation fisher looks at gradients of the loss over training data, and there are none.',
  )
})

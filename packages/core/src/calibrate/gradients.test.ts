import { type Model, parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { weightsOf } from '../analyse/analyse.js'
import type { Criterion, Statistic } from '../contract/contract.js'
import { makePlan } from '../plan/make-plan.js'
import { masking } from '../plan/plugins.test.data.js'
import { type Data, forwardOver } from './forward.test.support.js'
import type { Differentiation } from './gradients.js'
import { measureAll } from './measure-all.js'
import { statisticsFrom } from './statistics/statistics.js'

const model = () => parseText('g (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {1, 1}> { y = MatMul(x, w) }')

/** Of the mean over samples of ½ y², worked by hand: mean of xᵀ y. Core is handed derivatives, it knows none. */
const DERIVED = `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 2] x) => (float[M] gw) <float[2, 1] w = {1, 1}>
  { y = MatMul(x, w) xt = Transpose<perm = [1, 0]>(x) sum = MatMul(xt, y) rows = Shape<start = 0, end = 1>(x) n = Cast<to = 1>(rows) gw = Div(sum, n) }`

/** x = (1, 2), (2, −1), so y = 3, 1 and the gradients of the samples are (3, 6) and (2, −1). */
const data: Data = { x: { data: Float32Array.of(1, 2, 2, -1), shape: [2, 2] } }

function differentiation(over = data, requests: string[][] = []): Differentiation {
  return {
    forward: forwardOver(over),
    async differentiate(_, tensors) {
      requests.push([...tensors])
      return { model: parseText(DERIVED), gradients: new Map([['w', 'gw']]) }
    },
  }
}

async function measured(needs: Record<string, Statistic>, gradients = differentiation()) {
  const { measured } = await measureAll(model(), [{ name: 'test', needs }], { gradients })
  const statistics = statisticsFrom(measured, { name: 'test', needs }).of(weightsOf(model())[0]!)
  return Object.fromEntries(Object.entries(statistics).map(([key, { values }]) => [key, [...values]]))
}

describe('statistics of gradients over two samples, by hand', () => {
  test.each<[string, Statistic, number[]]>([
    ['the mean, of which a batch tells all', { at: 'gradient', reduce: 'mean' }, [2.5, 2.5]],
    ['the mean of sizes, sample by sample', { at: 'gradient', of: (g, ops) => ops.abs(g), reduce: 'mean' }, [2.5, 3.5]],
    ['the mean of squares, sample by sample', { at: 'gradient', of: (g, ops) => ops.square(g), reduce: 'mean' }, [6.5, 18.5]],
    ['the largest', { at: 'gradient', of: (g, ops) => ops.abs(g), reduce: 'max' }, [3, 6]],
    ['the variance', { at: 'gradient', reduce: 'variance' }, [0.25, 12.25]],
  ])('%s', async (_, statistic, expected) => {
    const { g } = await measured({ g: statistic })
    for (const [i, value] of expected.entries()) expect(g![i]!).toBeCloseTo(value, 5)
  })
})

test('what several statistics need of one weight is differentiated once, batches and samples apart', async () => {
  const requests: string[][] = []
  const abs: Statistic['of'] = (g, ops) => ops.abs(g)
  const actual = await measured(
    { mean: { at: 'gradient', reduce: 'mean' }, sizes: { at: 'gradient', of: abs, reduce: 'mean' } },
    differentiation(data, requests),
  )
  expect(actual).toEqual({ mean: [2.5, 2.5], sizes: [2.5, 3.5] })
  expect(requests).toEqual([['w'], ['w']])
})

test('a batch counts as often as it has samples', async () => {
  // Nine samples in batches of 4, 4 and 1: x = (k, 0), so y = k, and the mean of k² over 1 … 9 is 285/9.
  const x = Float32Array.from({ length: 18 }, (_, i) => (i % 2 === 0 ? i / 2 + 1 : 0))
  const { g } = await measured({ g: { at: 'gradient', reduce: 'mean' } }, differentiation({ x: { data: x, shape: [9, 2] } }))
  expect(g![0]!).toBeCloseTo(285 / 9, 4)
  expect(g![1]!).toBe(0)
})

const taylor: Criterion = {
  name: 'taylor',
  needs: { g: { at: 'gradient', reduce: 'mean' } },
  saliency: ({ weight, stats }, ops) => ops.abs(ops.multiply(weight, stats.g!)),
}

test('a criterion of gradients masks by them', async () => {
  // x = (0, 2) only: the gradient is (0, 4), and of two equal weights the first goes.
  const gradients = differentiation({ x: { data: Float32Array.of(0, 2), shape: [1, 2] } })
  const step = { structure: masking({ kind: 'free' }), criterion: taylor, target: { sparsity: 0.5 } }
  const { steps } = await makePlan(model(), [step], { seed: 1, gradients })
  // Bit 0 set: the first element.
  expect(steps[0]).toMatchObject({ weights: [{ id: 'w', masked: 1 }] })
  const turned = differentiation({ x: { data: Float32Array.of(2, 0), shape: [1, 2] } })
  const other = await makePlan(model(), [step], { seed: 1, gradients: turned })
  expect(other.steps[0]).not.toEqual(steps[0])
})

test('without training data it is refused, and named', async () => {
  const step = { structure: masking({ kind: 'free' }), criterion: taylor, target: { sparsity: 0.5 } }
  const planned = makePlan(model(), [step], { seed: 1, forward: forwardOver(data) })
  await expect(planned).rejects.toThrow(
    "criterion 'taylor' looks at gradients of the loss over training data, and there are none.",
  )
  const measuring = measureAll(model(), [taylor], { forward: forwardOver(data) })
  await expect(measuring).rejects.toThrow('this looks at gradients of the loss over training data')
})

test('what gradients tell nothing of is left, with the reason', async () => {
  const branches = `g (float[N, 2] x, bool c) => (float[N, 1] z) <float[2, 1] w = {1, 1}>
    { y = MatMul(x, w)
      z = If(c) <then_branch = t () => (float[N, 1] p) <float[2, 1] inner = {1, 2}> { p = MatMul(x, inner) }, else_branch = e () => (float[N, 1] q) { q = Neg(y) }> }`
  const { left } = await measureAll(parseText(branches), [taylor], { gradients: differentiation() })
  expect(left).toEqual([
    { id: expect.stringContaining('inner'), reason: expect.stringContaining('it lies in a function or a nested graph') },
  ])
  const gram: Criterion = { ...taylor, needs: { g: { at: 'gradient', reduce: 'gram' } } }
  const all = await measureAll(model(), [gram], { gradients: differentiation() })
  expect(all.left).toEqual([{ id: 'w', reason: expect.stringContaining('products of gradients are not measured') }])
})

test('a model without an input that has samples is refused', async () => {
  const constant: Model = parseText(
    'g (float s) => (float[1, 1] y) <float[1, 2] v = {1, 2}, float[2, 1] w = {1, 1}> { u = Mul(v, s)\n y = MatMul(u, w) }',
  )
  const weights = [{ name: 'test', needs: taylor.needs }]
  await expect(measureAll(constant, weights, { gradients: differentiation() })).rejects.toThrow(
    'the model has no input with samples',
  )
})

import { createRequire } from 'node:module'
import { modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { weightsOf } from '../analyse/analyse.js'
import type { Criterion, Structure } from '../contract/contract.js'
import { type CurveRequest, lossCurves } from './curves.js'
import { notSettable, withSettable } from './settable.js'
import type { OpenTrials, Setting } from './trials.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

const magnitude: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }
const element: Structure = {
  name: 'element',
  find: ({ weights }) => ({
    groups: weights.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'free' } })),
    declined: [],
  }),
}
const neuron: Structure = {
  name: 'neuron',
  kind: 'cut',
  find: ({ coupled }) => ({ groups: coupled.filter(({ held }) => held === undefined), declined: [] }),
}

const model = () =>
  parseText(
    'g (float[N, 2] x) => (float[N, 2] y) <float[2, 4] a = {1, -2, 3, -4, 5, -6, 7, -8}, float[4, 2] b = {8, 7, 6, 5, 4, 3, 2, 1}> { h = MatMul(x, a) y = MatMul(h, b) }',
  )

/** The loss is 10 + the sum of what is set, or of `given` where nothing is. */
function summing(): { readonly trials: OpenTrials; readonly opened: Setting[]; readonly settings: Setting[] } {
  const opened: Setting[] = []
  const settings: Setting[] = []
  const trials: OpenTrials = async (_, { defaults }) => {
    opened.push(defaults)
    return {
      losses: async (round: readonly Setting[]) => {
        settings.push(...round)
        return round.map((setting) =>
          Object.values(setting)
            .flatMap(({ data }) => [...data])
            .reduce((a, b) => a + b, 10),
        )
      },
      [Symbol.asyncDispose]: async () => {},
    }
  }
  return { trials, opened, settings }
}

const request = (more: Partial<CurveRequest> = {}): CurveRequest => ({
  ...{ step: { structure: element, criterion: magnitude }, amounts: [0.5, 0.75], loss: { against: 'outputs' } },
  ...more,
})

test('each weight is pruned alone, and the loss of the whole model is subtracted', async () => {
  const { trials, opened, settings } = summing()
  const { weights, reference, groups } = await lossCurves(model(), request(), { seed: 1, trials })
  expect([reference, groups]).toEqual([10, []])
  expect(opened.map((defaults) => Object.keys(defaults))).toEqual([['a', 'b']])
  // Half of a: 5 − 6 + 7 − 8 = −2 is left, of the last quarter 7 − 8 = −1; of b 8 + 7 + 6 + 5 = 26 and 8 + 7 = 15.
  expect(weights).toEqual([
    { id: 'a', node: 'h', elements: 8, points: [point(0, 0), point(0.5, -2), point(0.75, -1)] },
    { id: 'b', node: 'y', elements: 8, points: [point(0, 0), point(0.5, 26), point(0.75, 15)] },
  ])
  expect(settings.map((setting) => Object.keys(setting))).toEqual([[], ['a'], ['a'], ['b'], ['b']])
})

const point = (sparsity: number, loss: number) => ({ sparsity, loss })

test('where higher is better, the loss is what the metric falls by', async () => {
  const loss = { against: { metric: 'accuracy' }, better: 'higher' } as const
  const { weights } = await lossCurves(model(), request({ loss, amounts: [0.5] }), { seed: 1, trials: summing().trials })
  expect(weights.map(({ points }) => points[1]!.loss)).toEqual([2, -26])
})

test('units go group by group, the lowest first', async () => {
  const { trials, settings } = summing()
  const step = { structure: neuron, criterion: magnitude }
  const { groups, weights } = await lossCurves(model(), request({ step, amounts: [0.25, 0.5] }), { seed: 1, trials })
  expect(weights).toEqual([])
  // Of hidden units |column of a| + |row of b| is 6 + 15, 8 + 11, 10 + 7, 12 + 3.
  expect(settings.slice(1).map((setting) => [...Object.values(setting)[0]!.data])).toEqual([
    [1, 1, 1, 0],
    [1, 1, 0, 0],
  ])
  expect(groups[0]).toMatchObject({
    units: 4,
    points: [
      { ratio: 0, loss: 0 },
      { ratio: 0.25, loss: 3 },
      { ratio: 0.5, loss: 2 },
    ],
  })
})

test('NaN names the weight', async () => {
  const trials: OpenTrials = async () => ({
    losses: async (round) => round.map((setting) => ('b' in setting ? Number.NaN : 1)),
    [Symbol.asyncDispose]: async () => {},
  })
  await expect(lossCurves(model(), request(), { seed: 1, trials })).rejects.toThrow("the loss is NaN once 'b' is pruned.")
})

test('weights become inputs, wherever they are held, and what they held gives the same outputs', async () => {
  const mixed = parseText(
    `g (float[N, 2] x, bool c) => (float[N, 2] y)
     <float[2, 2] a = {1, 2, 3, 4}>
     { k = Constant<value = float[2, 2] {5, 6, 7, 8}>() h = MatMul(x, a) m = MatMul(h, k)
       y = If(c)<then_branch = t () => (float[N, 2] p) <float[2, 2] w = {1, 0, 0, 1}> { p = MatMul(m, w) }, else_branch = e () => (float[N, 2] q) { q = Identity(m) }> }`,
  )
  const weights = weightsOf(mixed)
  const reasons = weights.map((weight) => notSettable(mixed, weight))
  expect(reasons).toEqual([undefined, undefined, 'it lies in a subgraph'])
  const { model: settable, defaults } = await withSettable(mixed, weights.slice(0, 2))
  expect(settable.graph.inputs.map(({ name }) => name)).toEqual(['x', 'c', 'a', 'k'])
  const session = await runtime.InferenceSession.create(await modelBytes(settable))
  const tensors = Object.entries(defaults).map(([name, { data, shape }]) => [
    name,
    new runtime.Tensor(data as Float32Array, shape),
  ])
  const feeds = {
    x: new runtime.Tensor('float32', [1, 1], [1, 2]),
    c: new runtime.Tensor('bool', [true], []),
    ...Object.fromEntries(tensors),
  }
  // (4, 6) · [[5, 6], [7, 8]]
  expect([...((await session.run(feeds)).y!.data as Float32Array)]).toEqual([62, 72])
})

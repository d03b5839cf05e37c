import { gradient as derive, withLoss } from '@pare/autograd'
import { applyPlan, type Criterion, type Differentiation, makePlan } from '@pare/core'
import { randomStream, reference, trace } from '@pare/core/backends'
import { editGraph, editModel, type Model, parseText, readAll } from '@pare/onnx'
import { element } from '@pare/structure-element'
import { neuron } from '@pare/structure-neuron'
import { arrayForward, testCriterion } from '@pare/testing'
import { describe, expect, test } from 'vitest'
import { type GradientOptions, gradient } from './index.js'

const KINDS = ['taylor', 'snip', 'magnitude', 'fisher', 'mix'] as const
for (const of of KINDS) describe(of, () => testCriterion(() => gradient({ of }) as Criterion))

// y = x w against t, both of two columns: the loss is the mean of (y − t)².
const X = [1, 2, 3, -1]
const T = [0, 1]
const W = Float32Array.of(1, -2)
const linear = () => parseText('g (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w> { y = MatMul(x, w) }', { w: W })

// Sample by sample: y = x·w = −3 and 5, y − t = −3 and 4, g = 2 (y − t) x = [−6, −12] and [24, −8].
const G = [
  [-6, -12],
  [24, -8],
] as const
const MEAN = [9, -10]
const SQUARES = [(36 + 576) / 2, (144 + 64) / 2]

test.each([
  ['taylor', [81, 400]],
  ['snip', [9, 20]],
  ['magnitude', [15, 10]],
  ['fisher', [SQUARES[0]!, 4 * SQUARES[1]!]],
  ['mix', [Math.abs(9 - SQUARES[0]! / 2), Math.abs(20 - 2 * SQUARES[1]!)]],
] as const)('%s of two samples, by hand', (of, expected) => {
  const stats = {
    mean: Float32Array.from(MEAN),
    size: Float32Array.from([0, 1].map((i) => (Math.abs(G[0][i]!) + Math.abs(G[1][i]!)) / 2)),
    square: Float32Array.from(SQUARES),
  }
  const target = new Float32Array(2)
  reference
    .compile(trace(gradient({ of }) as Criterion), 'f32')
    .saliency({ weights: W, start: 0, stream: randomStream(1, 'w'), stats }, target)
  expect([...target]).toEqual(expected)
})

/** Gradients of a squared error, over arrays that hold the targets too. */
function differentiation(inputs: Parameters<typeof arrayForward>[0], batch?: number): Differentiation {
  return {
    forward: (model, options) => arrayForward(inputs, options.batch ?? batch)(model, options),
    async differentiate(model, tensors) {
      const { model: judged, loss } = withLoss(model, [{ kind: 'mse', output: model.graph.outputs[0]!.name, target: 't' }])
      const made = await derive(judged, { of: loss, wrt: tensors })
      return { model: withConstants(made.model, model), gradients: made.gradients }
    },
  }
}

/** What gradients made inputs, as constants again. */
function withConstants(derived: Model, { graph }: Model): Model {
  const there = new Set(derived.graph.initializers.map(({ name }) => name))
  const back = graph.initializers.filter(({ name }) => !there.has(name))
  const names = new Set(back.map(({ name }) => name))
  const inputs = derived.graph.inputs.filter(({ name }) => !names.has(name))
  return editModel(derived, {
    graph: editGraph(derived.graph, { inputs, initializers: [...derived.graph.initializers, ...back] }),
  })
}

const data = { x: { data: Float32Array.from(X), shape: [2, 2] }, t: { data: Float32Array.from(T), shape: [2, 1] } }

test.each<[Exclude<GradientOptions['of'], 'gates'>, number]>([
  // Of the two weights the first goes where its saliency is the smaller one.
  ['taylor', 0],
  ['snip', 0],
  ['magnitude', 1],
  ['fisher', 0],
  ['mix', 0],
])('%s as it is measured masks weight %i', async (of, zero) => {
  const step = { structure: element(), criterion: gradient({ of }), target: { sparsity: 0.5 } }
  for (const batch of [1, 2]) {
    const { steps } = await makePlan(linear(), [step], { seed: 1, gradients: differentiation(data, batch) })
    const { graph } = await applyPlan(linear(), { seed: 1, steps })
    const weights = new Float32Array((await readAll(graph.initializers[0]!.data)).buffer)
    expect([...weights.keys()].filter((i) => weights[i] === 0)).toEqual([zero])
  }
})

test('a neuron that is large and changes no loss goes first by gates and by taylor, not by magnitude', async () => {
  // Three neurons of two inputs; the first is always off, since its weights and inputs have opposite signs.
  const w1 = Float32Array.of(-9, 1, 0.5, -9, 0.2, 1)
  const w2 = Float32Array.of(9, 1, 1)
  const text = `g (float[N, 2] x) => (float[N, 1] y) <float[2, 3] w1, float[3, 1] w2>
    { h = MatMul(x, w1) r = Relu(h) y = MatMul(r, w2) }`
  const model = () => parseText(text, { w1, w2 })
  const x = { data: Float32Array.from({ length: 20 }, (_, i) => 0.5 + Math.abs(Math.sin(i))), shape: [10, 2] }
  const t = { data: new Float32Array(10), shape: [10, 1] }
  const removed = async (criterion: ReturnType<typeof gradient>) => {
    const step = { structure: neuron(), criterion, target: { ratio: 1 / 3 } }
    const { steps } = await makePlan(model(), [step], { seed: 1, gradients: differentiation({ x, t }) })
    return steps[0]?.kind === 'cut' ? steps[0].groups.map((group) => group.removed) : []
  }
  expect(await removed(gradient({ of: 'gates' }))).toEqual([[0]])
  expect(await removed(gradient())).toEqual([[0]])
  const magnitude = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) } as ReturnType<
    typeof gradient
  >
  expect(await removed(magnitude)).not.toEqual([[0]])
})

test('without training data it says what it needs and how to give it', async () => {
  for (const criterion of [gradient(), gradient({ of: 'gates' })]) {
    const [structure, target] = criterion.kind === 'units' ? [neuron(), { ratio: 0.5 }] : [element(), { sparsity: 0.5 }]
    const text =
      'g (float[N, 2] x) => (float[N, 1] y) <float[2, 4] a, float[4, 1] b> { h = MatMul(x, a) r = Relu(h) y = MatMul(r, b) }'
    const model = parseText(text, { a: new Float32Array(8).fill(1), b: new Float32Array(4).fill(1) })
    await expect(makePlan(model, [{ structure, criterion, target }], { seed: 1 })).rejects.toThrow(
      "criterion 'gradient' looks at gradients of the loss over training data, and there are none.",
    )
  }
})

test('an unknown kind is refused with those there are', () => {
  expect(() => gradient({ of: 'hessian' as 'fisher' })).toThrow(
    'gradient: of is "hessian"; taylor, snip, magnitude, fisher, mix or gates',
  )
})

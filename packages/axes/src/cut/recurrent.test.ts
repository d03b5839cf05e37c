import { createRequire } from 'node:module'
import { editTensor, type Model, makePayload, modelBytes, readAll, type Tensor, withTensors } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { findCoupling } from '../dependency/groups.js'
import { type Tiny, tinyModel } from '../dependency/rules/rules.test.support.js'
import { testCases } from './cases.test.support.js'
import { cut } from './cut.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

/** Weights, recurrent weights and biases of a layer, with a number behind their names. */
const layer = (n: number, { gates, units, inputs, directions = 1 }: Layer) =>
  `float[${directions}, ${gates * units}, ${inputs}] w${n}, float[${directions}, ${gates * units}, ${units}] r${n}, float[${directions}, ${2 * gates * units}] b${n}`

interface Layer {
  readonly gates: number
  readonly units: number
  readonly inputs: number
  /** Default: 1 */
  readonly directions?: number
}

/** A sequence f32[S, N, 5] becomes f32[S, N, 3] in a layer of 4 units, whose states h of all steps are f32[S, N, 4]. */
const single = (op: string, gates: number, attributes = '', rest = '', constants = ''): Tiny => ({
  inputs: 'float[S, N, 5] x',
  constants: `${layer(1, { gates, units: 4, inputs: 5 })}, float[4, 3] v, int64[1] one = {1}${constants && `, ${constants}`}`,
  nodes: `a = ${op}<hidden_size = 4${attributes}>(x, w1, r1, b1${rest})\n h = Squeeze(a, one)\n y = MatMul(h, v)`,
})

describe('a recurrent layer', () => {
  testCases({
    LSTM: {
      model: single('LSTM', 4),
      groups: 'w1:1#2 4',
      held: { 'w1:1': "LSTM 'a' counts its gates", 'w1:2': "it is an axis of the input 'x'" },
    },
    GRU: { model: single('GRU', 3), groups: 'w1:1#2 4' },
    'GRU with the reset behind the product': { model: single('GRU', 3, ', linear_before_reset = 1'), groups: 'w1:1#2 4' },
    RNN: { model: single('RNN', 1), groups: 'w1:1 4' },
    'an activation and a limit of its own': {
      model: single(
        'LSTM',
        4,
        ', activations = ["HardSigmoid", "Softsign", "Relu"], activation_alpha = [0.3], activation_beta = [0.4], clip = 0.7',
      ),
      groups: 'w1:1#2 4',
    },
    'input and forget gate as one': { model: single('LSTM', 4, ', input_forget = 1'), groups: 'w1:1#2 4' },
    backwards: { model: single('RNN', 1, ', direction = "reverse"'), groups: 'w1:1 4' },
    'lengths of sequences': {
      model: {
        ...single('GRU', 3, '', ', l'),
        inputs: 'float[S, 3, 5] x',
        constants: `${single('GRU', 3).constants}, int32[3] l = {3, 1, 2}`,
      },
      groups: 'w1:1#2 4',
    },
    'peepholes and states to begin with': {
      model: {
        ...single('LSTM', 4, '', ', , h0, c0, p'),
        inputs: 'float[S, 2, 5] x',
        constants: `${single('LSTM', 4).constants}, float[1, 2, 4] h0, float[1, 2, 4] c0, float[1, 12] p`,
      },
      groups: 'w1:1#2 4',
    },
    'a state of zeros, made to fit the batch': {
      model: {
        ...single('LSTM', 4, '', ', , h0, h0'),
        constants: `${single('LSTM', 4).constants}, int64[1] four = {4}, int64[1] two = {2}`,
        nodes: `s = Shape(x)\n n = Slice(s, one, two)\n z = Concat<axis = 0>(one, n, four)\n h0 = ConstantOfShape(z)
          ${single('LSTM', 4, '', ', , h0, h0').nodes}`,
      },
      groups: 'w1:1#2 4',
    },
    'the batch first': {
      model: single('LSTM', 4, ', layout = 1'),
      groups: '',
      held: { 'w1:1': "LSTM 'a' has the batch first (layout = 1), which ONNX Runtime does not compute" },
    },
    'a state that goes out': {
      model: { ...single('LSTM', 4), nodes: single('LSTM', 4).nodes.replace('a =', 'a, z ='), outputs: 'y, z' },
      groups: '',
      held: { 'w1:1#2': "it is an axis of the output 'z'" },
    },
  })
})

describe('recurrent layers among others', () => {
  testCases({
    'two layers in both directions, flattened and normalised between': {
      model: {
        inputs: 'float[S, N, 5] x',
        constants: `${layer(1, { gates: 4, units: 4, inputs: 5, directions: 2 })}, ${layer(2, { gates: 4, units: 3, inputs: 8, directions: 2 })},
          float[6, 3] v, int64[3] merged = {0, 0, -1}, int64[3] six = {0, 0, 6}, float[8] g`,
        nodes: `a = LSTM<hidden_size = 4, direction = "bidirectional">(x, w1, r1, b1)\n at = Transpose<perm = [0, 2, 1, 3]>(a)\n h = Reshape(at, merged)
          m = Mul(h, g)
          b = LSTM<hidden_size = 3, direction = "bidirectional">(m, w2, r2, b2)\n bt = Transpose<perm = [0, 2, 1, 3]>(b)\n k = Reshape(bt, six)
          y = MatMul(k, v)`,
      },
      groups: 'w1:1#2 4, w2:1#2 3',
    },
    'inputs that a weight makes': {
      model: {
        inputs: 'float[S, N, 5] x',
        constants: `float[5, 6] u, ${layer(1, { gates: 3, units: 4, inputs: 6 })}, float[4, 3] v, int64[1] one = {1}`,
        nodes:
          'e = MatMul(x, u)\n f = Relu(e)\n a = GRU<hidden_size = 4>(f, w1, r1, b1)\n h = Squeeze(a, one)\n y = MatMul(h, v)',
      },
      groups: 'u:1 6, w1:1#2 4',
    },
    'the last states of both directions, side by side': {
      model: {
        inputs: 'float[S, N, 5] x',
        constants: `${layer(1, { gates: 3, units: 4, inputs: 5, directions: 2 })}, float[8, 3] v, int64 first = {0}, int64 last = {-1}`,
        nodes: `, s = GRU<hidden_size = 4, direction = "bidirectional">(x, w1, r1, b1)
          p = Gather(s, first)\n q = Gather(s, last)\n k = Concat<axis = 1>(q, p)\n y = MatMul(k, v)`,
      },
      groups: 'w1:1#2 4',
    },
    'an encoder and a decoder that begins where it ends': {
      model: {
        inputs: 'float[S, N, 5] x, float[P, N, 2] z',
        constants: `${layer(1, { gates: 4, units: 4, inputs: 5 })}, ${layer(2, { gates: 4, units: 4, inputs: 2 })}, float[4, 3] v, int64[1] one = {1}`,
        nodes: `, s, c = LSTM<hidden_size = 4>(x, w1, r1, b1)\n a = LSTM<hidden_size = 4>(z, w2, r2, b2, , s, c)\n h = Squeeze(a, one)\n y = MatMul(h, v)`,
      },
      groups: 'w1:1#2 4',
    },
    'convolutions before and a pooling over the steps': {
      model: {
        inputs: 'float[N, 5, S] x',
        constants: `float[6, 5, 3] k, ${layer(1, { gates: 4, units: 4, inputs: 6 })}, float[4, 3] v, int64[1] one = {1}, int64[1] zero = {0}`,
        nodes: `c = Conv<pads = [1, 1]>(x, k)\n r = Relu(c)\n t = Transpose<perm = [2, 0, 1]>(r)
          a = LSTM<hidden_size = 4>(t, w1, r1, b1)\n h = Squeeze(a, one)\n m = ReduceMean<keepdims = 0>(h, zero)\n y = MatMul(m, v)`,
      },
      groups: 'k:0 6, w1:1#2 4',
    },
    'attention over the states': {
      model: {
        inputs: 'float[S, N, 5] x',
        constants: `${layer(1, { gates: 4, units: 4, inputs: 5 })}, float[4, 3] v, int64[1] one = {1}`,
        nodes: `a = LSTM<hidden_size = 4>(x, w1, r1, b1)\n h = Squeeze(a, one)\n q = Transpose<perm = [1, 0, 2]>(h)\n k = Transpose<perm = [1, 2, 0]>(h)
          s = MatMul(q, k)\n p = Softmax(s)\n m = MatMul(p, q)\n y = MatMul(m, v)`,
      },
      groups: 'w1:1#2 4',
    },
  })
})

test('what a cut leaves is what the layer computes with the weights of the others at 0', async () => {
  const model = tinyModel(single('LSTM', 4))
  const { atoms, dependencies } = await findCoupling(model)
  const gone = Uint8Array.of(0, 1, 0, 1)
  const zeroed = await withZeros(model, {
    // A unit that feeds back nothing, and that is not summed over, is not there.
    r1: (i) => gone[i % 4] === 1,
    v: (i) => gone[Math.floor(i / 3)] === 1,
  })
  const smaller = cut(model, dependencies, new Map([[atoms.get('w1:1#2')!, gone]]))
  expect(smaller.graph.initializers.map(({ name, shape }) => `${name} ${shape}`).slice(0, 4)).toEqual([
    'w1 1,8,5',
    'r1 1,8,2',
    'b1 1,16',
    'v 2,3',
  ])
  const [expected, actual] = [await outputOf(zeroed), await outputOf(smaller)]
  expect(actual.length).toBe(4 * 2 * 3)
  for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i]!, 5)
})

async function outputOf(model: Model): Promise<Float32Array> {
  const session = await runtime.InferenceSession.create(await modelBytes(model))
  const x = new runtime.Tensor(
    'float32',
    Float32Array.from({ length: 4 * 2 * 5 }, (_, i) => Math.sin(i)),
    [4, 2, 5],
  )
  return (await session.run({ x })).y!.data as Float32Array
}

/** The model with some elements of its constants at 0, by name. */
async function withZeros(model: Model, isZero: Readonly<Record<string, (i: number) => boolean>>): Promise<Model> {
  const zeroed = new Map<Tensor, Tensor>()
  for (const tensor of model.graph.initializers) {
    const chosen = isZero[tensor.name]
    if (chosen === undefined) continue
    const values = new Float32Array((await readAll(tensor.data)).slice().buffer).map((value, i) => (chosen(i) ? 0 : value))
    zeroed.set(tensor, editTensor(tensor, { data: makePayload(new Uint8Array(values.buffer)) }))
  }
  return withTensors(model, (tensor) => zeroed.get(tensor) ?? tensor)
}

import { parseText } from '@pare/onnx'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Gpu } from '../gpu.js'
import { DEVICE_OPERATORS } from './operators/operators.js'
import { ADAPTER, differenceOf, expectedOf, floats, integers, openDevice, openOn } from './session.test.support.js'

// Each is an operator with its inputs x [2, 3, 4], y [3, 1] and i [2, 3] (0 to 2), positive p [2, 3, 4], images c [2, 4, 6, 5], and results z (floats), n (integers) and b (booleans).
const CASES: readonly (readonly [operator: string, text: string])[] = [
  ...['Add', 'Sub', 'Mul', 'Div', 'Min', 'Max', 'Sum'].map((op) => [op, `z = ${op}(x, y)`] as const),
  ...['Add', 'Sub', 'Mul', 'Min', 'Max'].map((op) => [op, `n = ${op}(i, two)`] as const),
  ['Div', 'm = Neg(i) n = Div(m, two)'],
  ['Min', 'z = Min(x, y, p)'],
  ['Pow', 'z = Pow(p, x)'],
  ['Pow', 'z = Pow(x, three)'],
  ...['Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'Equal'].map((op) => [op, `b = ${op}(i, two)`] as const),
  ...['And', 'Or'].map((op) => [op, `e = Less(x, y) f = Less(y, x) b = ${op}(e, f)`] as const),
  ['Not', 'e = Less(x, y) b = Not(e)'],
  ['Where', 'e = Less(x, y) z = Where(e, p, y)'],
  ['Cast', 'n = Cast<to = 7>(c)'],
  ['Cast', 'b = Cast<to = 9>(i)'],
  ['Cast', 'e = Less(x, y) z = Cast<to = 1>(e)'],
  ...[
    'Neg',
    'Abs',
    'Sign',
    'Floor',
    'Ceil',
    'Exp',
    'Sin',
    'Cos',
    'Tanh',
    'Erf',
    'Sigmoid',
    'Reciprocal',
    'Relu',
    'Softplus',
    'LeakyRelu',
    'Elu',
    'HardSigmoid',
    'HardSwish',
    'Identity',
    'Dropout',
  ].map((op) => [op, `z = ${op}(x)`] as const),
  ...['Sin', 'Cos'].map((op) => [op, `t = Mul(x, large) z = ${op}(t)`] as const),
  ['Log', 'z = Log(p)'],
  ['Sqrt', 'z = Sqrt(p)'],
  ['PRelu', 'z = PRelu(x, y)'],
  ['Clip', 'z = Clip(x, low, high)'],
  ['Clip', 'z = Clip(x, , high)'],
  ['Gelu', 'z = Gelu(x)'],
  ['Gelu', 'z = Gelu<approximate = "tanh">(x)'],
  ['Swish', 's = Sigmoid(x) z = Mul(x, s)'],
  ...['Gelu', 'FastGelu', 'QuickGelu'].map((op) => [`com.microsoft.${op}`, `z = com.microsoft.${op}(x)`] as const),
  ['com.microsoft.BiasGelu', 'z = com.microsoft.BiasGelu(x, four)'],
  ['Shape', 's = Shape(x) n = Identity(s)'],
  ['Shape', 'n = Shape<start = 1, end = -1>(c)'],
  ['Size', 'n = Size(c)'],
  ['Constant', 'to = Constant<value_ints = [4, -1]>() z = Reshape(x, to)'],
  ['Reshape', 'z = Reshape(x, shape)'],
  ['Reshape', 't = Transpose<perm = [2, 0, 1]>(x) z = Reshape(t, shape)'],
  ['Flatten', 'z = Flatten<axis = 2>(c)'],
  ['Transpose', 'z = Transpose<perm = [2, 0, 1]>(x)'],
  ['Transpose', 'z = Transpose(x)'],
  ['Squeeze', 'z = Squeeze(y)'],
  ['Unsqueeze', 'z = Unsqueeze(x, axes)'],
  ['Expand', 'z = Expand(y, wide)'],
  ['Slice', 'z = Slice(c, starts, ends, sliceAxes, steps)'],
  ['Split', 'z, w = Split<axis = 2>(x, parts)'],
  ['Split', 'z, w = Split<axis = -1, num_outputs = 2>(x)'],
  ['Concat', 'm = Neg(x) z = Concat<axis = 1>(x, p, m)'],
  ['Concat', 'a, d = Split<axis = 2>(x, parts) m = Neg(d) z = Concat<axis = -1>(m, a)'],
  ['Gather', 'z = Gather<axis = 1>(x, i)'],
  ['Gather', 'm = Neg(i) z = Gather<axis = 2>(x, m)'],
  ['Gather', 'z = Gather(table, i)'],
  ['Range', 's = Shape(x) e = Gather(s, one) n = Range(zero, e, one)'],
  ['ConstantOfShape', 's = Shape(x) z = ConstantOfShape(s)'],
  ['Pad', 'z = Pad(c, pads, low)'],
  ['Tile', 'z = Tile(x, parts3)'],
  ['Trilu', 'z = Trilu(c, one)'],
  ['Trilu', 'z = Trilu<upper = 0>(c)'],
  ...['Mean', 'Sum', 'Max', 'Min', 'Prod', 'SumSquare', 'L2', 'L1'].map(
    (kind) => [`Reduce${kind}`, kind === 'Sum' ? 'z = ReduceSum(x, axes1)' : `z = Reduce${kind}<axes = [1]>(x)`] as const,
  ),
  ['ReduceMean', 'z = ReduceMean<axes = [0, 2], keepdims = 0>(x)'],
  ['ReduceSum', 'n = ReduceSum(i)'],
  ['ArgMax', 'n = ArgMax<axis = 1>(x)'],
  ['Softmax', 'z = Softmax<axis = 1>(x)'],
  ['LogSoftmax', 'z = LogSoftmax(x)'],
  ['CumSum', 'n = CumSum(i, one)'],
  ['CumSum', 'z = CumSum<exclusive = 1>(x, one)'],
  ['LayerNormalization', 'z = LayerNormalization<axis = -1, epsilon = 0.01>(x, four, moved)'],
  ['LayerNormalization', 's = Add(x, p) z = LayerNormalization<axis = -1>(s, four)'],
  ['SimplifiedLayerNormalization', 'z = SimplifiedLayerNormalization<axis = -1>(x, four)'],
  ['com.microsoft.SkipLayerNormalization', 'z = com.microsoft.SkipLayerNormalization(x, p, four, moved, four)'],
  ['com.microsoft.SkipSimplifiedLayerNormalization', 'z, , , w = com.microsoft.SkipSimplifiedLayerNormalization(x, p, four)'],
  ['MatMul', 't = Transpose<perm = [0, 2, 1]>(p) z = MatMul(x, t)'],
  ['MatMul', 'a = Transpose<perm = [0, 1, 3, 2]>(c) d = Expand(y, wide4) z = MatMul(a, c)'],
  ['MatMul', 'r = Reshape(c, rows) z = MatMul(r, x0)'],
  ['Gemm', 'a = Reshape(x, shape) t = Transpose(a) z = Gemm<transB = 1, alpha = 0.5, beta = 2.0>(a, a, ten)'],
  ['Conv', 'z = Conv<pads = [1, 0, 2, 1], strides = [2, 1], dilations = [1, 2], group = 2>(c, kernel, four)'],
  ['Conv', 'z = Conv<auto_pad = "SAME_UPPER", strides = [2, 2], group = 2>(c, kernel)'],
  ['MaxPool', 'z = MaxPool<kernel_shape = [3, 2], strides = [2, 2], pads = [1, 0, 1, 1]>(c)'],
  ['AveragePool', 'z = AveragePool<kernel_shape = [3, 2], pads = [1, 1, 1, 0]>(c)'],
  ['AveragePool', 'z = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1], count_include_pad = 1>(c)'],
  ['GlobalAveragePool', 'z = GlobalAveragePool(c)'],
  ['GlobalMaxPool', 'z = GlobalMaxPool(c)'],
  ['BatchNormalization', 'z = BatchNormalization(c, four, moved, moved, four)'],
  ['com.microsoft.RotaryEmbedding', 'z = com.microsoft.RotaryEmbedding(heads, places, cos, sin)'],
  ['com.microsoft.RotaryEmbedding', 'z = com.microsoft.RotaryEmbedding<interleaved = 1>(heads, places, cos, sin)'],
  [
    'com.microsoft.GroupQueryAttention',
    'z, w, v = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2, do_rotary = 1>(query, key, value, pastKey, pastValue, lengths, total, cos8, sin8)',
  ],
]

const FEEDS: Readonly<Record<string, ort.Tensor>> = {
  x: floats([2, 3, 4]),
  y: floats([3, 1], 2),
  i: integers([2, 3], 3),
  p: new ort.Tensor(
    'float32',
    Float32Array.from({ length: 24 }, (_, i) => 0.3 + (i % 7) / 2),
    [2, 3, 4],
  ),
  c: floats([2, 4, 6, 5], 3),
  heads: floats([1, 3, 5, 8]),
  query: floats([1, 3, 64]),
  key: floats([1, 3, 32], 2),
  value: floats([1, 3, 32], 3),
  pastKey: floats([1, 2, 4, 16]),
  pastValue: floats([1, 2, 4, 16], 2),
  lengths: new ort.Tensor('int32', Int32Array.of(6), [1]),
}

const TYPES = { z: 'float', w: 'float', v: 'float', n: 'int64', b: 'bool' } as const

function modelFor(text: string, opset: number) {
  const names = Object.keys(FEEDS).filter((name) => new RegExp(`\\b${name}\\b`).test(text))
  const inputs = names.map(
    (name) => `${FEEDS[name]!.type === 'float32' ? 'float' : FEEDS[name]!.type}[${FEEDS[name]!.dims.join()}] ${name}`,
  )
  const outputs = Object.entries(TYPES).filter(([name]) =>
    new RegExp(`\\b${name}\\b[^=]*=(?!=)`).test(text.replaceAll(/<[^>]*>/g, '')),
  )
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : ${opset}, "com.microsoft" : 1]>
    g (${inputs.join(', ')}) => (${outputs.map(([name, type]) => `${type} ${name}`).join(', ')})
    <int64 zero = {0}, int64 one = {1}, int64[1] axes1 = {1}, int64 two = {2}, float three = {3}, float large = {4000}, float low = {-0.5}, float high = {0.25}, float[4] four = {1, 2, 0.5, 3},
     float[4] moved = {0.5, 1, 2, 1}, int64[2] shape = {6, -1}, int64[2] axes = {0, -1}, int64[3] wide = {2, 3, 5}, int64[4] wide4 = {2, 4, 3, 5}, int64[2] starts = {-1, 1},
     int64[2] ends = {-100, 9223372036854775807}, int64[2] sliceAxes = {2, -1}, int64[2] steps = {-2, 2}, int64[2] parts = {1, 3}, int64[3] parts3 = {2, 1, 3},
     int64[8] pads = {0, 0, 1, 0, 0, 1, 2, 1}, int64[2] rows = {60, 4}, float[1] ten = {10}, float[3, 4] table = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
     int64[1, 5] places = {2, 0, 1, 4, 3}, int32 total = {7}, float[4, 2, 3, 2] kernel, float[4, 2] x0, float[8, 4] cos, float[8, 4] sin, float[8, 8] cos8, float[8, 8] sin8>
    { ${text} }`,
    {
      kernel: Float32Array.from({ length: 48 }, (_, i) => Math.cos(i)),
      x0: Float32Array.from({ length: 8 }, (_, i) => i - 3),
      cos: Float32Array.from({ length: 32 }, (_, i) => Math.cos(i / 3)),
      sin: Float32Array.from({ length: 32 }, (_, i) => Math.sin(i / 3)),
      cos8: Float32Array.from({ length: 64 }, (_, i) => Math.cos(i / 5)),
      sin8: Float32Array.from({ length: 64 }, (_, i) => Math.sin(i / 5)),
    },
  )
  return { model, feeds: Object.fromEntries(names.map((name) => [name, FEEDS[name]!])) }
}

describe.skipIf(ADAPTER === undefined)('operators on a device equal ONNX Runtime', () => {
  let gpu: Gpu
  beforeAll(async () => {
    gpu = await openDevice()
  })
  afterAll(() => gpu?.[Symbol.asyncDispose]())

  test.each(CASES)('%s: %s', async (operator, text) => {
    const { model, feeds } = modelFor(text, /axes = \[/.test(text) && /Reduce/.test(text) ? 17 : 20)
    const expected = await expectedOf(model, feeds)
    await using session = await openOn(gpu, model, { ort: null })
    const results = await session.run(feeds)
    expect(differenceOf(expected, results)).toBeLessThan(operator.includes('Pow') ? 2e-5 : 4e-6)
  })

  test('every operator that there is a kernel for is among them', () => {
    const tried = new Set(CASES.map(([operator]) => operator))
    // RMSNormalization is newer than ONNX Runtime's CPU kernels for the opset here; its kernel is that of SimplifiedLayerNormalization.
    expect(DEVICE_OPERATORS.filter((operator) => !tried.has(operator))).toEqual([
      'RMSNormalization',
      'com.microsoft.SimplifiedLayerNormalization',
    ])
  })
})

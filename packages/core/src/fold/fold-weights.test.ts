import { parseText, type TextValues } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { analyse } from '../analyse/analyse.js'
import { outputsOf, wave } from '../calibrate/forward.test.support.js'
import { compute } from './compute.test.support.js'
import { foldWeights } from './fold-weights.js'

const x = { data: wave(12), shape: [3, 4] }

/** Two layers, 4-8-3: the first weight is made as `w`, [4, 8]. */
const layers = (nodes: string, declared: string, values: TextValues) =>
  parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     g (float[N, 4] x) => (float[N, 3] y) <${declared}, float[8, 3] v>
     { ${nodes}
       h = MatMul(x, w)
       r = Relu(h)
       y = MatMul(r, v) }`,
    { ...values, v: wave(24, 5) },
  )

interface Kind {
  readonly title: string
  readonly nodes: string
  readonly declared: string
  readonly values: TextValues
  /** Name of the weight that is seen. */
  readonly id: string
}

const s = wave(32, 1)
const ints = { axes1: [1], axes0: [0], shape: [4, 8], zero: [0], one: [1], two: [2], index: [1] }

const kinds: readonly Kind[] = [
  { title: 'a Transpose of three axes', nodes: 'a = Transpose<perm = [2, 1, 0]>(s)\n w = Squeeze(a, axes1)', declared: 'float[8, 1, 4] s, int64[1] axes1', values: { s, axes1: ints.axes1 }, id: 's' },
  { title: 'Reshape', nodes: 'w = Reshape(s, shape)', declared: 'float[32] s, int64[2] shape', values: { s, shape: ints.shape }, id: 's' },
  { title: 'Flatten', nodes: 'w = Flatten(s)', declared: 'float[4, 2, 4] s', values: { s }, id: 's' },
  { title: 'a mask', nodes: 'w = Mul(s, m)', declared: 'float[4, 8] s, float[4, 8] m', values: { s, m: Array.from(s, (_, i) => i % 2) }, id: 'w' },
  { title: 'a mask behind a Transpose', nodes: 'q = Mul(s, m)\n w = Transpose<perm = [1, 0]>(q)', declared: 'float[8, 4] s, float[8, 4] m', values: { s, m: Array.from(s, (_, i) => i % 2) }, id: 'q' },
  { title: 'a mask of bools', nodes: 'n = Constant<value_float = 0.0>()\n w = Where(m, s, n)', declared: 'float[4, 8] s, bool[4, 8] m', values: { s, m: Array.from(s, (_, i) => i % 3 && 1) }, id: 's' },
  { title: 'weight normalisation', nodes: 'n = ReduceL2<axes = [0], keepdims = 1>(s)\n f = Div(g, n)\n w = Mul(s, f)', declared: 'float[4, 8] s, float[1, 8] g', values: { s, g: wave(8, 2) }, id: 's' },
  { title: 'weight normalisation by Pow and Sqrt', nodes: 'two = Constant<value_float = 2.0>()\n p = Pow(s, two)\n a = ReduceSum<keepdims = 1>(p, axes0)\n n = Sqrt(a)\n d = Div(s, n)\n w = Mul(d, g)', declared: 'float[4, 8] s, float[1, 8] g, int64[1] axes0', values: { s, g: wave(8, 2), axes0: ints.axes0 }, id: 's' },
  { title: 'spectral normalisation', nodes: 'a = MatMul(u, s)\n b = MatMul(a, z)\n w = Div(s, b)', declared: 'float[4, 8] s, float[1, 4] u, float[8, 1] z', values: { s, u: wave(4, 2), z: wave(8, 3) }, id: 's' },
  { title: 'weight standardisation', nodes: 'm = ReduceMean<axes = [0], keepdims = 1>(s)\n c = Sub(s, m)\n p = Mul(c, c)\n q = ReduceMean<axes = [0], keepdims = 1>(p)\n d = Sqrt(q)\n w = Div(c, d)', declared: 'float[4, 8] s', values: { s }, id: 's' },
  { title: 'Einsum of factors', nodes: 'w = Einsum<equation = "ir,ro->io">(a, b)', declared: 'float[4, 2] a, float[2, 8] b', values: { a: wave(8), b: wave(16, 1) }, id: 'w' },
  { title: 'a product of factors', nodes: 'w = MatMul(a, b)', declared: 'float[4, 2] a, float[2, 8] b', values: { a: wave(8), b: wave(16, 1) }, id: 'w' },
  { title: 'Concat', nodes: 'w = Concat<axis = 1>(a, b)', declared: 'float[4, 5] a, float[4, 3] b', values: { a: wave(20), b: wave(12, 1) }, id: 'w' },
  { title: 'Slice', nodes: 'w = Slice(s, zero, shape, axes)', declared: 'float[6, 9] s, int64[2] zero, int64[2] shape, int64[2] axes', values: { s: wave(54), zero: [0, 0], shape: ints.shape, axes: [0, 1] }, id: 's' },
  { title: 'one output of Split', nodes: 'a, w = Split<axis = 1>(s)', declared: 'float[4, 16] s', values: { s: wave(64) }, id: 's' },
  { title: 'Gather of stacked layers', nodes: 'a = Gather<axis = 0>(s, index)\n w = Squeeze(a, zero)', declared: 'float[2, 4, 8] s, int64[1] index, int64[1] zero', values: { s: wave(64), index: ints.index, zero: ints.zero }, id: 's' },
  { title: 'Expand', nodes: 'w = Expand(s, shape)', declared: 'float[1, 8] s, int64[2] shape', values: { s: wave(8), shape: ints.shape }, id: 's' },
  { title: 'ConstantOfShape', nodes: 'w = ConstantOfShape<value = float[1] {0.5}>(shape)', declared: 'int64[2] shape', values: { shape: ints.shape }, id: 'w' },
  { title: 'a Constant of floats', nodes: `a = Constant<value_floats = [${Array.from(s).join(', ')}]>()\n i = Constant<value_ints = [4, 8]>()\n w = Reshape(a, i)`, declared: 'float unread', values: { unread: [1] }, id: 'w' },
  { title: 'Clip and Neg', nodes: 'least = Constant<value_float = -0.5>()\n a = Neg(s)\n w = Clip(a, least)', declared: 'float[4, 8] s', values: { s }, id: 's' },
  { title: 'doubles', nodes: 'a = Mul(s, g)\n w = Cast<to = 1>(a)', declared: 'double[4, 8] s, double g', values: { s, g: [2] }, id: 's' },
  { title: 'halves', nodes: 'a = Mul(s, g)\n w = Cast<to = 1>(a)', declared: 'float16[4, 8] s, float16 g', values: { s, g: [2] }, id: 's' },
  { title: 'sizes of an activation', nodes: 't = Transpose<perm = [1, 0]>(x)\n z = Shape(t)\n e = Gather(z, zero)\n w = Slice(s, zero, e, zero)', declared: 'float[9, 8] s, int64[1] zero', values: { s: wave(72), zero: ints.zero }, id: 's' },
]

describe('a weight that the graph computes from constants is stored', () => {
  it.each(kinds)('$title', async ({ nodes, declared, values, id }) => {
    const model = layers(nodes, declared, values)
    const folded = await foldWeights(model, compute)
    expect(folded.left).toEqual([])
    expect(folded.weights.map((weight) => weight.id)).toEqual([id])
    const { weights, notEligible } = analyse(folded.model)
    expect(weights.map((weight) => weight.id)).toEqual([id, 'v'])
    expect(notEligible).toEqual([])
    expect(await outputsOf(folded.model, { x })).toEqual(await outputsOf(model, { x }))
    expect((await foldWeights(folded.model, compute)).model).toBe(folded.model)
  })
})

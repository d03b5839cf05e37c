import { modelBytes, parseText, readAll, readModel, type TextValues, valuesOf } from '@pare/onnx'
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
  {
    title: 'a Transpose of three axes',
    nodes: 'a = Transpose<perm = [2, 1, 0]>(s)\n w = Squeeze(a, axes1)',
    declared: 'float[8, 1, 4] s, int64[1] axes1',
    values: { s, axes1: ints.axes1 },
    id: 's',
  },
  {
    title: 'Reshape',
    nodes: 'w = Reshape(s, shape)',
    declared: 'float[32] s, int64[2] shape',
    values: { s, shape: ints.shape },
    id: 's',
  },
  { title: 'Flatten', nodes: 'w = Flatten(s)', declared: 'float[4, 2, 4] s', values: { s }, id: 's' },
  {
    title: 'a mask',
    nodes: 'w = Mul(s, m)',
    declared: 'float[4, 8] s, float[4, 8] m',
    values: { s, m: Array.from(s, (_, i) => i % 2) },
    id: 'w',
  },
  {
    title: 'a mask behind a Transpose',
    nodes: 'q = Mul(s, m)\n w = Transpose<perm = [1, 0]>(q)',
    declared: 'float[8, 4] s, float[8, 4] m',
    values: { s, m: Array.from(s, (_, i) => i % 2) },
    id: 'q',
  },
  {
    title: 'a mask of bools',
    nodes: 'n = Constant<value_float = 0.0>()\n w = Where(m, s, n)',
    declared: 'float[4, 8] s, bool[4, 8] m',
    values: { s, m: Array.from(s, (_, i) => i % 3 && 1) },
    id: 's',
  },
  {
    title: 'weight normalisation',
    nodes: 'n = ReduceL2<axes = [0], keepdims = 1>(s)\n f = Div(g, n)\n w = Mul(s, f)',
    declared: 'float[4, 8] s, float[1, 8] g',
    values: { s, g: wave(8, 2) },
    id: 's',
  },
  {
    title: 'weight normalisation by Pow and Sqrt',
    nodes:
      'two = Constant<value_float = 2.0>()\n p = Pow(s, two)\n a = ReduceSum<keepdims = 1>(p, axes0)\n n = Sqrt(a)\n d = Div(s, n)\n w = Mul(d, g)',
    declared: 'float[4, 8] s, float[1, 8] g, int64[1] axes0',
    values: { s, g: wave(8, 2), axes0: ints.axes0 },
    id: 's',
  },
  {
    title: 'spectral normalisation',
    nodes: 'a = MatMul(u, s)\n b = MatMul(a, z)\n w = Div(s, b)',
    declared: 'float[4, 8] s, float[1, 4] u, float[8, 1] z',
    values: { s, u: wave(4, 2), z: wave(8, 3) },
    id: 's',
  },
  {
    title: 'weight standardisation',
    nodes:
      'm = ReduceMean<axes = [0], keepdims = 1>(s)\n c = Sub(s, m)\n p = Mul(c, c)\n q = ReduceMean<axes = [0], keepdims = 1>(p)\n d = Sqrt(q)\n w = Div(c, d)',
    declared: 'float[4, 8] s',
    values: { s },
    id: 's',
  },
  {
    title: 'Einsum of factors',
    nodes: 'w = Einsum<equation = "ir,ro->io">(a, b)',
    declared: 'float[4, 2] a, float[2, 8] b',
    values: { a: wave(8), b: wave(16, 1) },
    id: 'w',
  },
  {
    title: 'a product of factors',
    nodes: 'w = MatMul(a, b)',
    declared: 'float[4, 2] a, float[2, 8] b',
    values: { a: wave(8), b: wave(16, 1) },
    id: 'w',
  },
  {
    title: 'Concat',
    nodes: 'w = Concat<axis = 1>(a, b)',
    declared: 'float[4, 5] a, float[4, 3] b',
    values: { a: wave(20), b: wave(12, 1) },
    id: 'w',
  },
  {
    title: 'Slice',
    nodes: 'w = Slice(s, zero, shape, axes)',
    declared: 'float[6, 9] s, int64[2] zero, int64[2] shape, int64[2] axes',
    values: { s: wave(54), zero: [0, 0], shape: ints.shape, axes: [0, 1] },
    id: 's',
  },
  {
    title: 'one output of Split',
    nodes: 'a, w = Split<axis = 1>(s)',
    declared: 'float[4, 16] s',
    values: { s: wave(64) },
    id: 's',
  },
  {
    title: 'Gather of stacked layers',
    nodes: 'a = Gather<axis = 0>(s, index)\n w = Squeeze(a, zero)',
    declared: 'float[2, 4, 8] s, int64[1] index, int64[1] zero',
    values: { s: wave(64), index: ints.index, zero: ints.zero },
    id: 's',
  },
  {
    title: 'Expand',
    nodes: 'w = Expand(s, shape)',
    declared: 'float[1, 8] s, int64[2] shape',
    values: { s: wave(8), shape: ints.shape },
    id: 'w',
  },
  {
    title: 'ConstantOfShape',
    nodes: 'w = ConstantOfShape<value = float[1] {0.5}>(shape)',
    declared: 'int64[2] shape',
    values: { shape: ints.shape },
    id: 'w',
  },
  {
    title: 'a Constant of floats',
    nodes: `a = Constant<value_floats = [${Array.from(s).join(', ')}]>()\n i = Constant<value_ints = [4, 8]>()\n w = Reshape(a, i)`,
    declared: 'float unread',
    values: { unread: [1] },
    id: 'w',
  },
  {
    title: 'Clip and Neg',
    nodes: 'least = Constant<value_float = -0.5>()\n a = Neg(s)\n w = Clip(a, least)',
    declared: 'float[4, 8] s',
    values: { s },
    id: 's',
  },
  {
    title: 'doubles',
    nodes: 'a = Mul(s, g)\n w = Cast<to = 1>(a)',
    declared: 'double[4, 8] s, double g',
    values: { s, g: [2] },
    id: 's',
  },
  {
    title: 'halves',
    nodes: 'a = Mul(s, g)\n w = Cast<to = 1>(a)',
    declared: 'float16[4, 8] s, float16 g',
    values: { s, g: [2] },
    id: 's',
  },
  {
    title: 'sizes of an activation',
    nodes: 't = Transpose<perm = [1, 0]>(x)\n z = Shape(t)\n e = Gather(z, zero)\n w = Slice(s, zero, e, zero)',
    declared: 'float[9, 8] s, int64[1] zero',
    values: { s: wave(72), zero: ints.zero },
    id: 's',
  },
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

it('a weight in bf16 is stored in bf16', async () => {
  const model = parseText(
    'g (bfloat16[N, 3, 8, 8] x) => (bfloat16[N, 8, A, B] y) <bfloat16[1, 1, 3, 8] v> { w = Transpose<perm = [3, 2, 0, 1]>(v)\n y = Conv(x, w) }',
    { v: wave(24) },
  )
  const folded = await foldWeights(model, compute)
  const [before, after] = [model, folded.model].map(({ graph }) => graph.initializers[0]!)
  expect([after!.name, after!.type, ...after!.shape]).toEqual(['v', 'bfloat16', 8, 3, 1, 1])
  const [stored, turned] = [valuesOf('bfloat16', await readAll(before!.data)), valuesOf('bfloat16', await readAll(after!.data))]
  expect(Array.from(turned as Float32Array)).toEqual(
    Array.from(turned as Float32Array, (_, i) => Number(stored[(i % 3) * 8 + Math.floor(i / 3)])),
  )
})

describe('a weight that stays computed has a reason', () => {
  const reasons = async (text: string, values: TextValues) => {
    const model = parseText(text, values)
    const folded = await foldWeights(model, compute)
    expect(folded.model).toBe(model)
    return folded.left
  }

  it('where its tensor is read in another form too', async () => {
    const text = `g (float[N, 4] x) => (float[N, 8] y) <float[4, 8] s, float[8] g> { a = MatMul(x, s)\n w = Mul(s, g)\n b = MatMul(x, w)\n y = Add(a, b) }`
    expect(await reasons(text, { s, g: wave(8) })).toEqual([
      { id: 's', reason: "'s' would be stored twice, since MatMul 'a' reads it too" },
    ])
  })

  it('where several weights are forms of it', async () => {
    const text = `g (float[N, 4] x) => (float[N, 8] y) <float[4, 8] s, float[8] g> { a = Neg(s)\n h = MatMul(x, a)\n w = Mul(s, g)\n b = MatMul(x, w)\n y = Add(h, b) }`
    const reason = "'s' would be stored more than once: MatMul 'h' and MatMul 'b' read it in different forms"
    expect(await reasons(text, { s, g: wave(8) })).toEqual([
      { id: 's', reason },
      { id: 's', reason },
    ])
  })

  it('where it is made of integers', async () => {
    const text = `g (float[N, 16] x) => (float[N, 8] y) <int8[16, 8] s, float g> { a = Cast<to = 1>(s)\n w = Mul(a, g)\n y = MatMul(x, w) }`
    expect(await reasons(text, { s: new Int8Array(128).fill(3), g: [0.5] })).toEqual([
      { id: 's', reason: 'it is made of int8, and the file would grow if it were stored as floats' },
    ])
  })

  it('where it is an output of the model', async () => {
    const text = `g (float[N, 4] x) => (float[N, 8] y, float[4, 8] w) <float[4, 8] s> { w = Neg(s)\n y = MatMul(x, w) }`
    expect(await reasons(text, { s })).toEqual([{ id: 's', reason: "it is the output 'w' of the model" }])
  })

  it('where the run time cannot compute it', async () => {
    const text = `g (float[N, 4] x) => (float[N, 8] y) <float[3, 8] s, float[4, 7] m> { w = Mul(s, m)\n y = MatMul(x, w) }`
    expect((await reasons(text, { s: wave(24), m: wave(28) }))[0]!.reason).toMatch(/^the run time cannot compute it: /)
  })

  it('but none where it is random, or depends on an input', async () => {
    const text = `g (float[4, 4] x) => (float[4, 8] y) <float[4, 8] s> { r = RandomNormalLike(s)\n w = Add(s, r)\n a = MatMul(x, w)\n t = Softmax(x)\n u = MatMul(t, s)\n z = MatMul(x, u)\n y = Add(a, z) }`
    expect(await reasons(text, { s })).toEqual([])
  })

  it('but none where it is a list of numbers', async () => {
    const text = `g (float[N, 1, 5] p) => (float[N, 4, 5] y) <float[4] f, int64[2] axes> { u = Unsqueeze(f, axes)\n y = MatMul(u, p) }`
    expect(await reasons(text, { f: wave(4), axes: [0, 2] })).toEqual([])
  })

  it('but none where the other form is dequantised', async () => {
    const text = `g (float[N, 16] x) => (float[N, 8] y) <int8[8, 16] s, float g> { a = DequantizeLinear(s, g)\n w = Transpose<perm = [1, 0]>(a)\n y = MatMul(x, w) }`
    expect(await reasons(text, { s: new Int8Array(128).fill(3), g: [0.5] })).toEqual([])
  })
})

describe('names', () => {
  it('slices of one tensor are weights of their own', async () => {
    const model = parseText(
      `g (float[N, 4] x) => (float[N, 8] y) <float[4, 24] s> { a, b, c = Split<axis = 1>(s)\n h = MatMul(x, a)\n i = MatMul(x, b)\n j = MatMul(x, c)\n k = Mul(h, i)\n y = Mul(k, j) }`,
      { s: wave(96) },
    )
    const folded = await foldWeights(model, compute)
    expect(folded.model.graph.initializers.map(({ name, shape }) => [name, ...shape])).toEqual([
      ['a', 4, 8],
      ['b', 4, 8],
      ['c', 4, 8],
    ])
    expect(folded.model.graph.nodes.map(({ op }) => op)).toEqual(['MatMul', 'MatMul', 'MatMul', 'Mul', 'Mul'])
    expect(await outputsOf(folded.model, { x })).toEqual(await outputsOf(model, { x }))
  })

  it('the stored tensor keeps its name only where nothing else needs it', async () => {
    const model = parseText(
      `g (float[N, 4] x) => (float[N, 8] y, float[4] n) <float[4, 8] s, int64[1] axes> { w = Neg(s)\n h = MatMul(x, w)\n z = Shape(s)\n t = Cast<to = 1>(z)\n y = Relu(h)\n n = Tile(t, two) }`.replace(
        'int64[1] axes',
        'int64[1] two',
      ),
      { s, two: [2] },
    )
    const { weights } = await foldWeights(model, compute)
    expect(weights).toEqual([{ id: 'w', value: 'w', reader: "MatMul 'h'", sources: ['s'], operators: ['Neg'], isWeight: true }])
  })

  it('a value that a nested graph reads goes by its new name there, too', async () => {
    const model = parseText(
      `g (float[N, 4] x, bool c) => (float[N, 8] y) <float[4, 8] s> { w = Neg(s)\n h = MatMul(x, w)\n y = If(c) <then_branch = t () => (float[N, 8] p) { p = MatMul(x, w) }, else_branch = e () => (float[N, 8] q) { q = Identity(h) }> }`,
      { s },
    )
    const folded = await foldWeights(model, compute)
    expect(folded.model.graph.initializers.map(({ name }) => name)).toEqual(['s'])
    expect(analyse(folded.model).weights.map(({ id, uses }) => [id, uses.length])).toEqual([['s', 2]])
  })

  it('an initializer of an old model is an input too', async () => {
    const model = parseText(
      `<ir_version: 3, opset_import: ["" : 9]> g (float[N, 4] x, float[32] s, int64[2] z) => (float[N, 8] y) <float[32] s, int64[2] z> { w = Reshape(s, z)\n y = MatMul(x, w) }`,
      { s, z: [4, 8] },
    )
    const folded = await foldWeights(model, compute)
    expect(folded.model.graph.inputs.map(({ name, shape }) => [name, ...shape!])).toEqual([
      ['x', 'N', 4],
      ['s', 4, 8],
    ])
    expect(await outputsOf(folded.model, { x, s: { data: s, shape: [4, 8] } })).toBeDefined()
  })
})

describe('low-rank adapters', () => {
  const model = parseText(
    `g (float[N, 4] x) => (float[N, 8] y) <float[8, 4] s, float[8, 2] b, float[2, 4] a, float scale> { p = MatMul(b, a)\n q = Mul(p, scale)\n u = Add(s, q)\n w = Transpose<perm = [1, 0]>(u)\n y = MatMul(x, w) }`,
    { s, b: wave(16, 2), a: wave(8, 3), scale: [0.5] },
  )

  it('stay, and the weight beneath is the one that is pruned', async () => {
    const folded = await foldWeights(model, compute)
    expect(folded.model).toBe(model)
    const { weights } = analyse(folded.model)
    expect(weights.map(({ id, rows, uses }) => [id, rows, uses[0]!.name])).toEqual([
      ['s', { batch: 1, before: 1, out: 8, after: 4 }, 'y'],
    ])
  })

  it('are merged where that is wanted', async () => {
    const folded = await foldWeights(model, compute, { mergeAdapters: true })
    expect(folded.weights.map(({ id, sources }) => [id, sources])).toEqual([['s', ['s', 'b', 'a']]])
    expect(await outputsOf(folded.model, { x })).toEqual(await outputsOf(model, { x }))
  })
})

it('a sparse initializer is stored as the dense weight that it is', async () => {
  // Graph field 15: values (1) f32[2] named s, indices (2) i64[2], dims (3) [4, 8].
  const numbers = [...new Uint8Array(Float32Array.of(2.5, -1).buffer)]
  const places = [...new Uint8Array(BigInt64Array.of(3n, 17n).buffer)]
  const values = [0x08, 2, 0x10, 1, 0x42, 1, 0x73, 0x4a, numbers.length, ...numbers]
  const indices = [0x08, 2, 0x10, 7, 0x4a, places.length, ...places]
  const sparse = [0x0a, values.length, ...values, 0x12, indices.length, ...indices, 0x18, 4, 0x18, 8]
  const bytes = await modelBytes(parseText('g (float[N, 4] x) => (float[N, 8] y) { y = MatMul(x, s) }'))
  // The graph, field 7, is the last of so small a model but for the opset: its length is one byte.
  const at = bytes.indexOf(0x3a)
  const end = at + 2 + bytes[at + 1]!
  const graph = [...bytes.subarray(at + 2, end), 0x7a, sparse.length, ...sparse]
  const length = [(graph.length & 0x7f) | 0x80, graph.length >> 7]
  const model = await readModel(Uint8Array.from([...bytes.subarray(0, at), 0x3a, ...length, ...graph, ...bytes.subarray(end)]))
  const folded = await foldWeights(model, compute)
  expect(folded.left).toEqual([])
  const [tensor] = folded.model.graph.initializers
  expect([tensor!.name, ...tensor!.shape]).toEqual(['s', 4, 8])
  const expected = new Array(32).fill(0)
  expected[3] = 2.5
  expected[17] = -1
  expect([...valuesOf('float32', await readAll(tensor!.data))]).toEqual(expected)
  expect(folded.model.graph.sparseInitializers).toEqual([])
  expect(await outputsOf(folded.model, { x })).toEqual(await outputsOf(model, { x }))
})

describe('weights that are computed in branches and loops', () => {
  const header = '<ir_version: 8, opset_import: ["" : 17]> g'
  const mask = (size: number) => Array.from({ length: size }, (_, i) => (i % 3 === 0 ? 0 : 1))
  const both = parseText(
    `${header} (float[N, 4] x, float[1] f) => (float[N, 8] y) <float[4, 8] s, float[4, 8] m>
     { c = Cast<to = 9>(f)
       y = If(c) <then_branch = t () => (float[N, 8] p) { w = Mul(s, m)\n p = MatMul(x, w) }, else_branch = e () => (float[N, 8] q) { v = Neg(m)\n q = MatMul(x, v) }> }`,
    { s, m: mask(32) },
  )
  const loop = parseText(
    `${header} (float[N, 4] x) => (float[N, 4] y) <int64 count = {3}, bool going = {1}, float[4, 4] u, float[4, 4] n>
     { y = Loop(count, going, x) <body = l (int64 i, bool k, float[a, b] h) => (bool o, float[a, b] t) { o = Identity(k)\n w = Mul(u, n)\n z = MatMul(h, w)\n t = Tanh(z) }> }`,
    { u: wave(16, 3), n: mask(16) },
  )

  it.each([
    ['branches', both, ['Mul', 'Neg'], 2],
    ['the body of a loop', loop, ['Mul'], 1],
  ])('%s: the weight is stored there, and the model computes the same', async (_, model, operators, count) => {
    const folded = await foldWeights(model, compute)
    expect(folded.left).toEqual([])
    expect(folded.weights.flatMap((weight) => weight.operators)).toEqual(operators)
    expect(
      analyse(folded.model)
        .weights.map(({ id }) => id)
        .sort(),
    ).toEqual(folded.weights.map(({ id }) => id).sort())
    expect(folded.weights).toHaveLength(count)
    for (const flag of [0, 1]) {
      const data = { x, f: { data: Float32Array.of(flag), shape: [1] } }
      expect(await outputsOf(folded.model, data)).toEqual(await outputsOf(model, data))
    }
  })
})

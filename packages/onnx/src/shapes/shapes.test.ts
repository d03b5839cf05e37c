import { readFileSync } from 'node:fs'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { readModel } from '../files/open.js'
import { modelBytes } from '../files/write.js'
import { editGraph, editModel } from '../graph/edit.js'
import { makeValueInfo } from '../graph/make.js'
import type { Model } from '../model.js'
import { corpusModels, python, testModels, withoutCorpus, withoutPython } from '../python.test.support.js'
import { parseText } from '../text/text.js'
import { inferShapes } from './shapes.js'

/** Shape of `y` in a model of these nodes. */
async function shapeOf(nodes: string, inputs: string, values = ''): Promise<readonly number[] | undefined> {
  const { shapes } = await inferShapes(parseText(`m (${inputs}) => (float[] y) <${values}> { ${nodes} }`))
  return shapes.get('y')
}

describe('shapes worked out by hand', () => {
  test.each<[string, string, string, number[] | undefined]>([
    // ⌊(7 + 1 + 1 − 3) ÷ 2⌋ + 1 = 4
    ['y = Conv<strides = [2, 2], pads = [1, 1, 1, 1]>(x, w)', 'float[1, 3, 7, 7] x, float[8, 3, 3, 3] w', '', [1, 8, 4, 4]],
    ['y = Conv<auto_pad = "SAME_UPPER", strides = [2, 2]>(x, w)', 'float[1, 3, 7, 7] x, float[8, 3, 3, 3] w', '', [1, 8, 4, 4]],
    // 2 · (4 − 1) + 1 + 3 − 1 − 1 = 8
    [
      'y = ConvTranspose<strides = [2, 2], pads = [1, 1, 1, 1], output_padding = [1, 1], group = 2>(x, w)',
      'float[1, 4, 4, 4] x, float[4, 3, 3, 3] w',
      '',
      [1, 6, 8, 8],
    ],
    // ⌈(5 − 2) ÷ 2⌉ + 1 = 3
    ['y = MaxPool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(x)', 'float[1, 3, 5, 5] x', '', [1, 3, 3, 3]],
    ['y = Gemm<transB = 1>(x, w)', 'float[2, 5] x, float[3, 5] w', '', [2, 3]],
    ['y = MatMul(x, w)', 'float[2, 1, 3, 4] x, float[7, 4, 5] w', '', [2, 7, 3, 5]],
    ['y = MatMul(x, w)', 'float[4] x, float[7, 4, 5] w', '', [7, 5]],
    ['y = MatMul(x, w)', 'float[4] x, float[5] w', '', undefined],
    ['y = Reshape(x, s)', 'float[2, 3, 4] x', 'int64[3] s = {0, -1, 2}', [2, 6, 2]],
    ['y = Reshape(x, s)', 'float[2, 3, 4] x', 'int64[2] s = {5, -1}', undefined],
    [
      'y = Slice(x, a, b, c, d)',
      'float[9, 5] x',
      'int64[1] a = {-1}, int64[1] b = {-9223372036854775807}, int64[1] c = {0}, int64[1] d = {-2}',
      [5, 5],
    ],
    ['y = Pad(x, p)', 'float[2, 3] x', 'int64[4] p = {0, 1, 0, 2}', [2, 6]],
    ['y = Resize(x, , s)', 'float[1, 1, 5, 5] x', 'float[4] s = {1, 1, 1.5, 2}', [1, 1, 7, 10]],
    ['y = ReduceMean<axes = [-1], keepdims = 0>(x)', 'float[2, 3, 4] x', '', [2, 3]],
    ['y = Expand(x, s)', 'float[3, 1] x', 'int64[3] s = {2, 1, 4}', [2, 3, 4]],
    ['y = Einsum<equation = "bij,bjk->bik">(x, w)', 'float[2, 3, 4] x, float[2, 4, 5] w', '', [2, 3, 5]],
    ['a, y = LSTM<hidden_size = 6>(x, w, r)', 'float[9, 2, 4] x, float[1, 24, 4] w, float[1, 24, 6] r', '', [1, 2, 6]],
    ['y = com.microsoft.FusedMatMul<transB = 1>(x, w)', 'float[2, 3, 4] x, float[5, 4] w', '', [2, 3, 5]],
    // No kernel on the CPU: 8 ÷ 2 = 4
    ['y = com.microsoft.BiasSplitGelu(x, b)', 'float[2, 3, 8] x, float[8] b', '', [2, 3, 4]],
    ['y = ConstantOfShape(s)', 'float[2] x', 'int64[2] s = {2, 3}', [2, 3]],
    ['y = com.microsoft.QLinearSigmoid(x, s, z, s, z)', 'uint8[2, 3] x, float s, uint8 z', '', [2, 3]],
    ['y = com.microsoft.QLinearAdd(x, s, z, b, s, z, s, z)', 'uint8[2, 1] x, uint8[1, 3] b, float s, uint8 z', '', [2, 3]],
    [
      'y = com.microsoft.QLinearWhere(c, x, s, z, b, s, z, s, z)',
      'bool[2, 1] c, uint8[3] x, uint8[1] b, float s, uint8 z',
      '',
      [2, 3],
    ],
    [
      'y = com.microsoft.QLinearAveragePool<kernel_shape = [2, 2]>(x, s, z, s, z)',
      'uint8[1, 3, 4, 4] x, float s, uint8 z',
      '',
      [1, 3, 3, 3],
    ],
    // Which axis is which is not worked out.
    [
      'y = com.microsoft.QLinearAveragePool<kernel_shape = [2, 2], channels_last = 1>(x, s, z, s, z)',
      'uint8[1, 4, 4, 3] x, float s, uint8 z',
      '',
      undefined,
    ],
    ['y = com.microsoft.QLinearGlobalAveragePool(x, s, z, s, z)', 'uint8[1, 3, 4, 4] x, float s, uint8 z', '', [1, 3, 1, 1]],
    [
      'y = com.microsoft.QLinearConcat<axis = 1>(s, z, x, s, z, b, s, z)',
      'uint8[2, 3] x, uint8[2, 5] b, float s, uint8 z',
      '',
      [2, 8],
    ],
    ['y = com.microsoft.QGemm<transB = 1>(x, s, z, b, s, z)', 'uint8[2, 5] x, uint8[3, 5] b, float s, uint8 z', '', [2, 3]],
    // Two codes of 4 bits in a byte: 16 bytes are 32 elements, two blocks of 16.
    [
      'y = com.microsoft.GatherBlockQuantized<block_size = 16, quantize_axis = 1, bits = 4>(t, i, s)',
      'uint8[10, 16] t, int64[4] i, float[10, 2] s',
      '',
      [4, 32],
    ],
    ['y = ConstantOfShape(s)', 'float[2] x', 'int64[2] s = {2, -3}', undefined],
    ['y = Nonsense(x)', 'float[2] x', '', undefined],
    ['y = NonZero(x)', 'float[2] x', '', undefined],
  ])('%s of %s', async (nodes, inputs, values, expected) => {
    expect(await shapeOf(nodes, inputs, values)).toEqual(expected)
  })

  test('behind an operator without a rule the shape counts that the model states in numbers and symbols of its inputs', async () => {
    const stated = (shape: string) =>
      inferShapes(parseText(`m (float[N, 4] x) => (float[] y) <float[${shape}] a> { a = acme.Act(x)\n y = Relu(a) }`), {
        dims: { N: 3 },
      })
    expect((await stated('N, 8')).shapes.get('y')).toEqual([3, 8])
    expect((await stated('M, 8')).shapes.has('y')).toBe(false)
    // A rule counts, whatever is stated.
    const { shapes } = await inferShapes(parseText('m (float[N, 4] x) => (float[N, 5] y) { y = Relu(x) }'), { dims: { N: 3 } })
    expect(shapes.get('y')).toEqual([3, 4])
  })

  test('sizes are followed through Shape, Gather, Concat and arithmetic', async () => {
    const model = parseText(
      `m (float[N, T, 12] x) => (float[] y) <int64 zero = {0}, int64 one = {1}, int64[1] axes = {0}, int64 heads = {3}, int64[1] rest = {-1}>
       { s = Shape(x)
         n = Gather(s, zero)
         t = Gather(s, one)
         n1 = Unsqueeze(n, axes)
         nh = Mul(t, heads)
         t1 = Unsqueeze(nh, axes)
         target = Concat<axis = 0>(n1, t1, rest)
         y = Reshape(x, target) }`,
    )
    const { shapes, values } = await inferShapes(model, { dims: { N: 2 }, inputs: { x: [2, 5, 12] } })
    expect(values.get('target')?.numbers).toEqual([2, 15, -1])
    // 2 · 5 · 12 ÷ (2 · 15) = 4
    expect(shapes.get('y')).toEqual([2, 15, 4])
  })

  test('branches of an If agree, or give nothing', async () => {
    const model = (size: number): Model =>
      parseText(
        `m (bool c, float[2, 3] x) => (float[] y) <float[3, ${size}] w>
         { y = If(c) <then_branch = t () => (float[] a) { a = MatMul(x, w) }, else_branch = e () => (float[] b) { b = Neg(x) }> }`,
        { w: new Float32Array(3 * size) },
      )
    expect((await inferShapes(model(3))).shapes.get('y')).toEqual([2, 3])
    const { shapes } = await inferShapes(model(4))
    expect(shapes.get('y')).toBeUndefined()
    expect(shapes.get('y.then_branch/a')).toEqual([2, 4])
  })

  test('functions are inferred for each call', async () => {
    const model = parseText(
      `<opset_import: ["" : 17, "local" : 1]> m (float[2, 3] x, float[3, 4] w) => (float[] y)
       { a = local.f(x, w)
         b = local.f(x, w)
         y = local.f(a, c)
         c = Transpose(w) }
       <domain: "local", opset_import: ["" : 17]> f (p, q) => (r) { r = MatMul(p, q) }`,
    )
    const { shapes } = await inferShapes(model)
    expect(shapes.get('b')).toEqual([2, 4])
    expect(shapes.get('local.f/r')).toEqual([2, 4])
    expect(shapes.get('y')).toBeUndefined()
  })

  test('attributes of a function come from its call, or from its defaults', async () => {
    const model = parseText(
      `<opset_import: ["" : 17, "local" : 1]> m (float[2, 3, 4] x) => (float[] y)
       { y = local.f<by = [2, 0, 1]>(x)
         z = local.f(x)
         m = local.g(x) }
       <domain: "local", opset_import: ["" : 17]> f <by> (p) => (q) { q = Transpose<perm : ints = @by>(p) }
       <domain: "local", opset_import: ["" : 17]> g <at : int = 2> (p) => (q) { q = Flatten<axis : int = @at>(p) }`,
    )
    const { shapes } = await inferShapes(model)
    expect(shapes.get('y')).toEqual([4, 2, 3])
    expect(shapes.get('z')).toEqual([4, 3, 2])
    expect(shapes.get('m')).toEqual([6, 4])
  })

  test('inputs that contradict the model or each other are refused', async () => {
    const model = parseText('m (float[N, 3] x, float[N] z) => (float[] y) { y = Neg(x) }')
    await expect(inferShapes(model, { inputs: { w: [1] } })).rejects.toThrow("no input 'w'")
    await expect(inferShapes(model, { inputs: { x: [1, 4] } })).rejects.toThrow(
      "input 'x' was given the shape [1,4], expected [N,3]",
    )
    await expect(inferShapes(model, { inputs: { x: [2, 3], z: [3] } })).rejects.toThrow('with N = 2')
    expect((await inferShapes(model, { inputs: { x: [2, 3] } })).shapes.get('z')).toEqual([2])
  })
})

/** Shapes of all values of the main graph as ONNX Runtime has them when it runs the model on zeros. */
async function whenRun(
  model: Model,
  inputs: Readonly<Record<string, readonly number[]>>,
): Promise<Map<string, readonly number[]>> {
  const names = [...new Set(model.graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== '')))]
  const outputs = new Map(
    [...model.graph.outputs, ...names.map((name) => makeValueInfo({ name }))].map((value) => [value.name, value]),
  )
  for (const value of model.graph.outputs) outputs.set(value.name, value)
  const exposed = editModel(model, { graph: editGraph(model.graph, { outputs: [...outputs.values()] }) })
  const session = await InferenceSession.create(await modelBytes(exposed), { graphOptimizationLevel: 'disabled' })
  const feeds = model.graph.inputs
    .filter(({ name }) => !model.graph.initializers.some((tensor) => tensor.name === name))
    .map((input) => [input.name, zeros(input.type!, inputs[input.name]!)] as const)
  const results = await session.run(Object.fromEntries(feeds))
  await session.release()
  return new Map(Object.entries(results).map(([name, tensor]) => [name, tensor.dims]))
}

function zeros(type: string, shape: readonly number[]): OrtTensor {
  const count = shape.reduce((product, size) => product * size, 1)
  if (type === 'int64') return new OrtTensor('int64', new BigInt64Array(count).fill(1n), shape)
  if (type === 'int32') return new OrtTensor('int32', new Int32Array(count).fill(1), shape)
  if (type === 'bool') return new OrtTensor('bool', new Uint8Array(count).fill(1), shape)
  return new OrtTensor('float32', new Float32Array(count), shape)
}

describe('trained models have the shapes that ONNX Runtime finds', () => {
  test.each(testModels())('%s', async (path) => {
    const model = await readModel(readFileSync(path))
    for (const dims of [
      { batch: 1, seq: 7 },
      { batch: 3, seq: 5 },
    ]) {
      const inputs = Object.fromEntries(
        model.graph.inputs.map((input) => [
          input.name,
          input.shape!.map((size, axis) => (typeof size === 'number' ? size : axis === 0 ? dims.batch : dims.seq)),
        ]),
      )
      const { shapes } = await inferShapes(model, { inputs })
      const run = await whenRun(model, inputs)
      for (const [name, shape] of run) expect([name, shapes.get(name)]).toEqual([name, shape])
    }
  })
})

describe('fused operators have the shapes that ONNX Runtime finds', () => {
  test.each<[string, string, string]>([
    ['FusedMatMul', 'y = com.microsoft.FusedMatMul<transA = 1, transB = 1>(x, w)', 'float[2, 4, 3] x, float[5, 4] w'],
    [
      'FusedConv',
      'y = com.microsoft.FusedConv<activation = "Relu", strides = [2, 2]>(x, w)',
      'float[1, 3, 9, 9] x, float[4, 3, 3, 3] w',
    ],
    ['Gelu', 'y = com.microsoft.Gelu(x)', 'float[2, 3] x'],
    ['BiasGelu', 'y = com.microsoft.BiasGelu(x, b)', 'float[2, 3] x, float[3] b'],
    ['FastGelu', 'y = com.microsoft.FastGelu(x)', 'float[2, 3] x'],
    ['QuickGelu', 'y = com.microsoft.QuickGelu(x)', 'float[2, 3] x'],
    [
      'SkipLayerNormalization',
      'y, , , z = com.microsoft.SkipLayerNormalization(x, s, g, b)',
      'float[2, 3, 8] x, float[2, 3, 8] s, float[8] g, float[8] b',
    ],
    [
      'SkipSimplifiedLayerNormalization',
      'y = com.microsoft.SkipSimplifiedLayerNormalization(x, s, g)',
      'float[2, 3, 8] x, float[2, 3, 8] s, float[8] g',
    ],
    [
      'MultiHeadAttention',
      'y = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k, v)',
      'float[2, 3, 8] q, float[2, 5, 8] k, float[2, 5, 8] v',
    ],
    ['Attention', 'y = com.microsoft.Attention<num_heads = 2>(x, w, b)', 'float[2, 3, 8] x, float[8, 24] w, float[24] b'],
    [
      'DynamicQuantizeLinear and MatMulInteger',
      'a, s, z = DynamicQuantizeLinear(x)\n b, t, u = DynamicQuantizeLinear(w)\n y = MatMulInteger(a, b, z, u)',
      'float[2, 3, 4] x, float[4, 5] w',
    ],
    [
      'Attention of ai.onnx',
      'y = Attention<q_num_heads = 4, kv_num_heads = 2>(q, k, v)',
      'float[2, 3, 16] q, float[2, 5, 8] k, float[2, 5, 8] v',
    ],
    [
      'Attention of ai.onnx with a past',
      'y, pk, pv, qk = Attention<q_num_heads = 4, kv_num_heads = 2>(q, k, v, , a, b)',
      'float[2, 3, 16] q, float[2, 3, 8] k, float[2, 3, 8] v, float[2, 2, 5, 4] a, float[2, 2, 5, 4] b',
    ],
    [
      'Attention of ai.onnx with axes for heads',
      'y, pk, pv, qk = Attention(q, k, v)',
      'float[2, 4, 3, 8] q, float[2, 2, 5, 8] k, float[2, 2, 5, 6] v',
    ],
    [
      'MultiHeadAttention with a past',
      'y, pk, pv = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k, v, , , , a, b)',
      'float[2, 3, 8] q, float[2, 3, 8] k, float[2, 3, 8] v, float[2, 2, 5, 4] a, float[2, 2, 5, 4] b',
    ],
    [
      'MultiHeadAttention over another text',
      'y = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k, v)',
      'float[2, 3, 8] q, float[2, 2, 5, 4] k, float[2, 2, 5, 4] v',
    ],
    [
      'Attention of com.microsoft with a past',
      'y, p = com.microsoft.Attention<num_heads = 2>(x, w, b, , a)',
      'float[2, 3, 8] x, float[8, 24] w, float[24] b, float[2, 2, 2, 5, 4] a',
    ],
    [
      'GroupQueryAttention with a past',
      'l = Constant<value = int32[1] {5}>()\n t = Constant<value = int32 {6}>()\n y, pk, pv = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2>(q, k, v, a, b, l, t)',
      'float[1, 1, 32] q, float[1, 1, 16] k, float[1, 1, 16] v, float[1, 2, 5, 8] a, float[1, 2, 5, 8] b',
    ],
    [
      'GroupQueryAttention, packed, in a longer buffer',
      'l = Constant<value = int32[1] {5}>()\n t = Constant<value = int32 {6}>()\n y, pk, pv = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2>(q, , , a, b, l, t)',
      'float[1, 1, 64] q, float[1, 2, 9, 8] a, float[1, 2, 9, 8] b',
    ],
    [
      'FusedMatMul of batches behind',
      'y = com.microsoft.FusedMatMul<transBatchA = 1>(x, w)',
      'float[3, 2, 5, 4] x, float[2, 5, 4, 6] w',
    ],
    [
      'FusedMatMul of batches behind, transposed',
      'y = com.microsoft.FusedMatMul<transBatchA = 1, transA = 1, transBatchB = 1>(x, w)',
      'float[4, 2, 5, 3] x, float[4, 2, 5, 6] w',
    ],
    ['Einsum without an arrow', 'y = Einsum<equation = "ba,bc">(x, w)', 'float[3, 4] x, float[3, 5] w'],
    ['Einsum with an ellipsis', 'y = Einsum<equation = "...k,km->m...">(x, w)', 'float[2, 3, 4] x, float[4, 5] w'],
    ['Einsum with an ellipsis and no arrow', 'y = Einsum<equation = "i...,j...">(x, w)', 'float[2, 3, 4] x, float[5, 1, 4] w'],
    [
      'EmbedLayerNormalization',
      'y, m, e = com.microsoft.EmbedLayerNormalization(i, j, a, b, c, g, h)',
      'int32[2, 3] i, int32[2, 3] j, float[9, 4] a, float[9, 4] b, float[9, 4] c, float[4] g, float[4] h',
    ],
    ['Resize of some axes', 'n = Constant<value = int64[1] {7}>()\n y = Resize<axes = [-1]>(x, , , n)', 'float[1, 2, 4, 5] x'],
    ['RMSNormalization', 'y = RMSNormalization(x, g)', 'float[2, 3, 8] x, float[8] g'],
    ['LayerNormalization', 'y, m, d = LayerNormalization<axis = 1>(x, g)', 'float[2, 3, 8] x, float[3, 8] g'],
    [
      'GRU',
      'a, y = GRU<hidden_size = 6, direction = "bidirectional">(x, w, r)',
      'float[9, 2, 4] x, float[2, 18, 4] w, float[2, 18, 6] r',
    ],
    [
      'ConvTranspose',
      'y = ConvTranspose<output_shape = [10, 10], strides = [3, 3]>(x, w)',
      'float[1, 2, 3, 3] x, float[2, 4, 3, 3] w',
    ],
    [
      'AveragePool',
      'y = AveragePool<kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1, pads = [1, 1, 1, 1]>(x)',
      'float[1, 2, 6, 6] x',
    ],
    ['GridSample', 'y = GridSample(x, g)', 'float[1, 2, 6, 6] x, float[1, 4, 5, 2] g'],
    ['DepthToSpace', 'y = DepthToSpace<blocksize = 2>(x)', 'float[1, 8, 2, 3] x'],
    ['TopK', 'k = Constant<value = int64[1] {2}>()\n y, i = TopK(x, k)', 'float[3, 5] x'],
    ['Split', 'y, z = Split<axis = 1, num_outputs = 2>(x)', 'float[3, 5] x'],
  ])('%s', async (_, nodes, inputs) => {
    const model = parseText(`<ir_version: 10, opset_import: ["" : 23, "com.microsoft" : 1]> m (${inputs}) => (y) { ${nodes} }`)
    const inputShapes = Object.fromEntries(model.graph.inputs.map(({ name, shape }) => [name, shape as number[]]))
    const { shapes } = await inferShapes(model)
    const run = await whenRun(model, inputShapes)
    expect(run.size).toBeGreaterThan(0)
    for (const [name, shape] of run) expect([name, shapes.get(name)]).toEqual([name, shape])
  })
})

describe.skipIf(withoutCorpus || withoutPython)('models of libonnx-testdata', () => {
  test('have no shape that differs from what onnx infers, and most of those it infers', async () => {
    const script = `
result = {}
for path in json.load(sys.stdin):
    try: graph = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True).graph
    except Exception: continue
    result[path] = {}
    for value in list(graph.value_info) + list(graph.output):
        if not value.type.HasField('tensor_type') or not value.type.tensor_type.HasField('shape'): continue
        dims = value.type.tensor_type.shape.dim
        if all(each.HasField('dim_value') for each in dims): result[path][value.name] = [each.dim_value for each in dims]
print(json.dumps(result))`
    const theirs: Record<string, Record<string, number[]>> = JSON.parse(python(script, JSON.stringify(corpusModels())))
    const wrong: unknown[] = []
    const missing = new Map<string, number>()
    let right = 0
    for (const [path, values] of Object.entries(theirs)) {
      const model = await readModel(readFileSync(path))
      const { shapes } = await inferShapes(model)
      const makers = new Map(model.graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node.op] as const)))
      for (const [name, shape] of Object.entries(values)) {
        const ours = shapes.get(name)
        const op = makers.get(name) ?? ''
        if (ours === undefined) missing.set(op, (missing.get(op) ?? 0) + 1)
        else if (ours.join() === shape.join()) right++
        else wrong.push([path.split('/').at(-2), op, name, ours, shape])
      }
    }
    expect(wrong).toEqual([])
    expect(right).toBeGreaterThan(10 * [...missing.values()].reduce((sum, each) => sum + each, 0))
  })
})

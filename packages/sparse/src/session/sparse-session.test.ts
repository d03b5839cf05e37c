import { modelBytes, parseText } from '@pare/onnx'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { difference, FEEDS, float, ids, models, pruned, prunedBytes } from './pruned.test.support.js'
import { SparseSession } from './sparse-session.js'

describe('a sparse session', () => {
  it.each(Object.keys(FEEDS))('of %s gives what the dense model gives, at 50, 90 and 98 %%', async (name) => {
    for (const sparsity of [0.5, 0.9, 0.98]) {
      const bytes = await prunedBytes(`${models}${name}.onnx`, sparsity)
      expect(await difference(bytes, FEEDS[name]!)).toBeLessThan(2e-5)
    }
  })

  it.each([
    { rows: 4, columns: 1 },
    { rows: 1, columns: 4 },
  ])('runs tiles of $rows × $columns', async (tile) => {
    const bytes = await prunedBytes(`${models}lm-llama.onnx`, 0.8, tile)
    expect(await difference(bytes, FEEDS['lm-llama']!)).toBeLessThan(2e-5)
  })

  it('runs sizes one after another that need larger and smaller buffers', async () => {
    const bytes = await prunedBytes(`${models}lm-llama.onnx`, 0.9)
    await using session = await SparseSession.create(bytes, { ort, plan: 'sparse', threads: 1 })
    const dense = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 })
    for (const dims of [
      [1, 3],
      [4, 100],
      [1, 1],
      [2, 30],
    ]) {
      const feeds = { input_ids: ids(dims, 2048) }
      const [a, b] = [await session.run(feeds), await dense.run(feeds)]
      const other = b.logits!.data as Float32Array
      expect((a.logits!.data as Float32Array).every((value, i) => Math.abs(value - other[i]!) < 1e-3)).toBe(true)
    }
    await dense.release()
  })

  it('keeps results that it gave when it runs again', async () => {
    const bytes = await prunedBytes(`${models}mlp-digits.onnx`, 0.9)
    for (const threads of [1, 2]) {
      await using session = await SparseSession.create(bytes, { ort, plan: 'sparse', fewestElements: 0, threads })
      const [name] = session.outputNames
      const first = (await session.run({ input: float([2, 64], 8) }))[name!]!.data as Float32Array
      const before = first.slice()
      await session.run({ input: float([2, 64], -3) })
      expect(first).toEqual(before)
    }
  })

  it('gives only the outputs that are asked for, and ONNX Runtime’s word on inputs that are missing', async () => {
    const bytes = await prunedBytes(`${models}mlp-digits.onnx`, 0.9)
    await using session = await SparseSession.create(bytes, { ort, plan: 'sparse', fewestElements: 0 })
    const [name] = session.outputNames
    expect(Object.keys(await session.run({ input: float([1, 64]) }, [name!]))).toEqual([name])
    await expect(session.run({})).rejects.toThrow(/input/)
    await expect(session.run({ input: float([1, 64]) }, ['nothing'])).rejects.toThrow(/nothing/)
  })
})

const text = (source: string, values = {}) => parseText(source, values)
const some = (length: number) => Float32Array.from({ length }, (_, i) => Math.cos(i * 3.1))

describe('what is fused', () => {
  const cases: Record<string, string> = {
    'Gemm with alpha, beta and transB': '{ y = Gemm <alpha = 0.5, beta = 2.0, transB = 1> (x, w, b) }',
    'MatMul, Add and Relu': '{ a = MatMul(x, w) c = Add(b, a) y = Relu(c) }',
    SiLU: '{ a = MatMul(x, w) g = Sigmoid(a) y = Mul(a, g) }',
    'GELU by Erf':
      '{ m = MatMul(x, w) a = Add(m, b) d = Div(a, root) e = Erf(d) f = Add(e, one) g = Mul(a, f) y = Mul(g, half) }',
    'GELU by Tanh':
      '{ a = MatMul(x, w) c = Pow(a, three) d = Mul(c, k) e = Add(a, d) f = Mul(e, s) t = Tanh(f) u = Add(t, one) h = Mul(a, half) y = Mul(h, u) }',
    'a value that others read too': '{ a = MatMul(x, w) r = Relu(a) y = Add(a, r) }',
    'a product that is an output': '{ y = MatMul(x, w) z = Relu(y) }',
    'two products in a row': '{ a = MatMul(x, w) r = Relu(a) y = MatMul(r, w) }',
    'one input of two products': '{ a = MatMul(x, w) b2 = MatMul(x, w) y = Mul(a, b2) }',
    'a weight in a nested graph':
      '{ c = Cast <to = 9> (flag) a = MatMul(x, w) y = If (c) <then_branch = g1 () => (float[N, 32] t) { t = Relu(a) }, else_branch = g2 () => (float[N, 32] e) { e = Neg(a) }> }',
  }
  const scalars =
    'float root = {1.4142135}, float one = {1}, float half = {0.5}, float three = {3}, float k = {0.044715}, float s = {0.7978846}'

  it.each(Object.entries(cases))('%s', async (_, body) => {
    const outputs = body.includes('z =') ? 'float[N, 32] y, float[N, 32] z' : 'float[N, 32] y'
    const source = `g (float[N, 32] x, float flag) => (${outputs}) <float[32, 32] w, float[32] b, ${scalars}> ${body}`
    const bytes = await modelBytes(await pruned(text(source, { w: some(1024), b: some(32) }), 0.8))
    const flag = new ort.Tensor('float32', Float32Array.of(1), [])
    for (const n of [1, 7, 0]) {
      if (n > 0) expect(await difference(bytes, [{ x: float([n, 32]), flag }])).toBeLessThan(2e-6)
      else {
        await using session = await SparseSession.create(bytes, { ort, plan: 'sparse', fewestElements: 0 })
        expect((await session.run({ x: float([0, 32]), flag })).y!.dims).toEqual([0, 32])
      }
    }
  })

  it('is a session of ONNX Runtime for each stretch that the order of nodes allows', async () => {
    // Abs and Neg need no product; Cos needs the first, Sin the second, which needs Cos.
    const source = `g (float[N, 32] x) => (float[N, 32] y, float[N, 32] z) <float[32, 32] w, float[32] b>
      { n = Neg(x) a = MatMul(n, w) z = Abs(x) c = Cos(a) d = MatMul(c, w) y = Sin(d) }`
    expect(await segmentsOf(await modelBytes(await pruned(text(source, { w: some(1024), b: some(32) }), 0.8)))).toBe(3)
  })
})

describe('what lies between products', () => {
  const norm = (body: string) => `{ a = MatMul(x, w) r = Add(x, a) ${body} y = MatMul(n, w) }`
  const rms =
    'p = Pow(r, two) m = ReduceMean <axes = [-1]> (p) e = Add(m, eps) q = Sqrt(e) d = Div(one, q) u = Mul(r, d) n = Mul(b, u)'
  const layer =
    'm = ReduceMean <axes = [-1]> (r) c = Sub(r, m) p = Pow(c, two) v = ReduceMean <axes = [-1]> (p) e = Add(v, eps) q = Sqrt(e) u = Div(c, q) g = Mul(u, b) n = Add(g, k)'
  const cases: Record<string, string> = {
    'a sum with the residual, and LayerNormalization': norm('n = LayerNormalization <axis = -1> (r, b, k)'),
    'an RMS of several nodes': norm(rms),
    'a LayerNormalization of several nodes': norm(layer),
    'a value that goes on beside its norm':
      '{ a = MatMul(x, w) r = Add(x, a) n = LayerNormalization <axis = -1> (r, b) c = MatMul(n, w) y = Add(r, c) z = MatMul(y, w) }',
    'a product of two products':
      '{ a = MatMul(x, w) s = Sigmoid(a) g = Mul(a, s) c = MatMul(x, w) n = Mul(g, c) y = MatMul(n, w) }',
  }

  it.each(Object.entries(cases))('%s', async (_, body) => {
    const outputs = body.includes('z =') ? 'float[N, S, 36] y, float[N, S, 36] z' : 'float[N, S, 36] y'
    const constants = 'float[36, 36] w, float[36] b, float[36] k, float two = {2}, float one = {1}, float eps = {0.00001}'
    const source = `g (float[N, S, 36] x) => (${outputs}) <${constants}> ${body}`
    const bytes = await modelBytes(await pruned(text(source, { w: some(36 * 36), b: some(36), k: some(36).reverse() }), 0.7))
    expect(await difference(bytes, [{ x: float([2, 3, 36]) }, { x: float([1, 1, 36]) }])).toBeLessThan(5e-6)
    // Nothing but our own steps is left.
    expect(await segmentsOf(bytes)).toBe(0)
  })

  it('is broadcast where shapes that were not known turn out to differ', async () => {
    const source = `g (float[N, S, 36] x, float[T, U, 36] other) => (float[A, B, 36] y) <float[36, 36] w>
      { a = MatMul(x, w) r = Add(a, other) y = MatMul(r, w) }`
    const bytes = await modelBytes(await pruned(text(source, { w: some(36 * 36) }), 0.7))
    for (const dims of [
      [2, 3, 36],
      [1, 3, 36],
      [2, 1, 36],
    ])
      expect(await difference(bytes, [{ x: float([2, 3, 36]), other: float(dims) }])).toBeLessThan(5e-6)
  })
})

/** How many parts of a model ONNX Runtime runs. */
async function segmentsOf(bytes: Uint8Array): Promise<number | undefined> {
  await using session = await SparseSession.create(bytes, { ort, plan: 'sparse', fewestElements: 0 })
  return session.plan.segments
}

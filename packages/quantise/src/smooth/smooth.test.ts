import { type Model, modelBytes, parseText, readAll, usesOf, valuesOf } from '@pare/onnx'
import runtime from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import type { Quantiser } from '../choices.js'
import { apart } from '../output-error.js'
import { quantise } from '../quantise.js'
import type { RunData } from '../static/ranges.js'
import { applySmoothing, factorsIn } from './apply.js'
import { factorsOf } from './factors.js'
import { smooth } from './smooth.js'

const wave = (count: number, salt: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(7.3 * i + salt))

const isLarge = (column: number) => column % 16 === 5
/** Two columns are many times as large as the others, as norms of language models make them; weights make little of them. */
const gains = wave(32, 3).map((value, column) => (isLarge(column) ? 60 : value))
const rows = (salt: number) => wave(32 * 64, salt).map((value, i) => (isLarge(Math.floor(i / 64)) ? value / 60 : value))

/** A norm before a gated network, a residual sum, and a head behind it. Half of `up` is pruned, and a column of what `down` reads is 0. */
function network(): Model {
  const up = rows(5).map((value, i) => (i % 2 === 0 ? 0 : value))
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     network (float[N, 6, 32] x) => (float[N, 6, 16] y)
     <float[32] gain, float[32] shift, float[32, 64] gate, float[32, 64] up, float[64] bias, float[64, 32] down, float[32, 16] head>
     { h = LayerNormalization<axis = -1>(x, gain, shift)  a = MatMul(h, gate)  b = Sigmoid(a)
       c = MatMul(h, up)  d = Add(c, bias)  e = Mul(b, d)  f = MatMul(e, down)  g = Add(x, f)  y = MatMul(g, head) }`,
    {
      ...{ gain: gains, shift: wave(32, 4), gate: rows(6), up, bias: wave(64, 7).map((value, i) => (i === 8 ? 0 : value)) },
      ...{ down: wave(64 * 32, 8), head: wave(32 * 16, 9) },
    },
  )
}

/** Attention over two heads with what follows a norm, which is read by the residual sum, too. */
function attention({ headDim = 4 } = {}): Model {
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     attention (float[N, 6, 32] x) => (float[N, 6, 32] y)
     <float[32] gain, float[32, 32] query, float[32, 32] value, float[32, 32] out, int64[4] split = {0, 6, ${32 / headDim}, ${headDim}}, int64[3] whole = {0, 6, 32}>
     { h = LayerNormalization<axis = -1>(x, gain)
       q = MatMul(h, query)  r = Reshape(q, split)  s = Transpose<perm = [0, 2, 1, 3]>(r)  t = Transpose<perm = [0, 1, 3, 2]>(s)
       p = MatMul(s, t)  w = Softmax(p)  v = MatMul(h, value)  a = Reshape(v, split)  b = Transpose<perm = [0, 2, 1, 3]>(a)
       c = MatMul(w, b)  d = Transpose<perm = [0, 2, 1, 3]>(c)  e = Reshape(d, whole)  o = MatMul(e, out)  y = Add(h, o) }`,
    { gain: wave(32, 1), query: wave(1024, 2), value: wave(1024, 3), out: wave(1024, 4) },
  )
}

async function outputsOf(model: Model): Promise<Readonly<Record<string, Float32Array>>> {
  const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  const outputs = await session.run({ x: new runtime.Tensor('float32', wave(4 * 6 * 32, 0.5), [4, 6, 32]) })
  await session.release()
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]))
}

const run: RunData = async function* (model) {
  yield { outputs: await outputsOf(model) }
}

async function valuesIn(model: Model, name: string): Promise<Float32Array> {
  return valuesOf('float32', await readAll(usesOf(model.graph).constants.get(name)!.data)) as Float32Array
}

async function off(before: Model, after: Model): Promise<number> {
  const [expected, actual] = await Promise.all([before, after].map(outputsOf))
  return apart(new Map([['y', [expected!.y!]]]), new Map([['y', [actual!.y!]]]))
}

describe('what is divided and multiplied', () => {
  test('by hand: largest sizes to the power of the exponent, as far apart from 1 on either side', () => {
    const sizes = { value: Float64Array.of(16, 1, 0, 4), weights: Float64Array.of(1, 1, 5, 4) }
    // max|x|^½ ÷ max|W|^½ = 4, 1, none, 1: their middle is √(4 · 1) = 2.
    expect([...factorsOf(sizes, 0.5, 'both')]).toEqual([2, 0.5, 1, 0.5])
    // mean|x|^½ = 4, 1, none, 2.
    expect([...factorsOf(sizes, 0.5, 'weights')]).toEqual([2, 0.5, 1, 1])
  })

  test.each([
    0.5,
    'search',
  ] as const)('outputs stay what they were, by %s, zeros stay zeros, and a plan does it again', async (exponent) => {
    const { model, step } = await smooth(network(), { method: 'int8-static', exponent, run })
    expect(step.values.map(({ id, weights }) => `${id}: ${weights}`)).toEqual(['h: gate,up', 'e: down'])
    expect(step.left).toEqual([{ id: 'head', reason: "'x' before it is read by LayerNormalization 'h', too" }])
    expect(await off(network(), model)).toBeLessThan(1e-5)
    const [before, after] = await Promise.all([network(), model].map((each) => valuesIn(each, 'up')))
    expect(after).not.toEqual(before)
    expect(after!.map((value) => Number(value === 0))).toEqual(before!.map((value) => Number(value === 0)))
    const factors = step.values.map((value) => factorsIn(value.factors))
    const gain = await valuesIn(model, 'gain')
    expect(gain[5]! * factors[0]![5]!).toBeCloseTo(60, 4)
    expect(factors[0]![5]!).toBeGreaterThan(2)
    const again = await applySmoothing(network(), JSON.parse(JSON.stringify(step)))
    expect(await modelBytes(again)).toEqual(await modelBytes(model))
  })

  test('columns of attention are those of the product that makes values', async () => {
    const { model, step } = await smooth(attention(), { method: 'int8', exponent: 0.5, run })
    expect(step.values.map(({ id, weights }) => `${id}: ${weights}`)).toEqual(['e: out'])
    expect(await off(attention(), model)).toBeLessThan(1e-5)
    expect(await valuesIn(model, 'value')).not.toEqual(await valuesIn(attention(), 'value'))
  })

  test('a norm that a residual sum reads, too, keeps its weights, with the reason', async () => {
    const { step } = await smooth(attention(), { method: 'int8', exponent: 0.5, run })
    const reason = "its input is read by Add 'y', too, which has no weight that could make up for it"
    expect(step.left).toEqual([
      { id: 'query', reason },
      { id: 'value', reason },
    ])
  })

  test('a vector that another norm reads, too, is copied, and a weight that is read elsewhere stays', async () => {
    const shared = parseText(
      `<ir_version: 8, opset_import: ["" : 17]>
       shared (float[N, 6, 32] x) => (float[N, 6, 32] y, float[N, 6, 32] z, float[N, 6, 32] t) <float[32] gain, float[32, 32] one, float[32, 32] two>
       { a = LayerNormalization<axis = -1>(x, gain)  y = MatMul(a, one)
         b = Tanh(x)  c = LayerNormalization<axis = -1>(b, gain)  z = MatMul(c, two)  t = MatMul(z, two) }`,
      { gain: gains, one: wave(1024, 1), two: wave(1024, 2) },
    )
    const { model, step } = await smooth(shared, { method: 'int8-weights', exponent: 0.5, run })
    expect(step.values.map(({ id }) => id)).toEqual(['a'])
    expect(step.left).toEqual([{ id: 'two', reason: "'two' is read by MatMul 't', too" }])
    expect(await valuesIn(model, 'gain')).toEqual(gains)
    const [expected, actual] = await Promise.all([shared, model].map(outputsOf))
    for (const name of ['y', 'z', 't'])
      for (const [i, value] of expected![name]!.entries()) expect(Math.abs(value - actual![name]![i]!)).toBeLessThan(1e-3)
  })

  test('a plan for another model is refused', async () => {
    const { step } = await smooth(network(), { method: 'int8', exponent: 0.5, run })
    await expect(applySmoothing(attention(), step)).rejects.toThrow("the plan divides 32 columns of 'h'")
  })
})

describe('what it is good for', () => {
  test.each<[Quantiser, number | 'search']>([
    ['int8', 0.5],
    ['int8', 'search'],
    ['int8-static', 0.5],
    ['int8-static', 'search'],
    ['int4', 'search'],
  ])('with columns that are many times as large as others, %s by %s is nearer to the floats', async (method, exponent) => {
    const plain = await quantise(network(), { method, run })
    const smoothed = await smooth(network(), { method, exponent, run })
    const rounded = await quantise(smoothed.model, { method, run })
    const [without, along] = [await off(network(), plain.model), await off(network(), rounded.model)]
    expect(along).toBeLessThan(0.7 * without)
  })
})

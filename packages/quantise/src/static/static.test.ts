import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Model, modelBytes, openModel, parseText, readAll, usesOf, valuesOf } from '@pare/onnx'
import runtime from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { applyQuantisation } from '../apply.js'
import { quantise } from '../quantise.js'
import { scaleOfRange } from './activation.js'
import { emptyHistogram, narrowed } from './histogram.js'
import { withoutNormalization } from './normalization.js'
import type { RunData } from './ranges.js'

/** Repeatable numbers between −1 and 1. */
const wave = (count: number, salt: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(7.3 * i + salt))

type Feeds = Readonly<Record<string, { readonly data: Float32Array; readonly shape: readonly number[] }>>

async function outputsOf(model: Model, feeds: Feeds, options = {}): Promise<Readonly<Record<string, Float32Array>>> {
  const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3, ...options })
  const inputs = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name))
  const tensors = inputs.map(([name, { data, shape }]) => [name, new runtime.Tensor('float32', data, [...shape])])
  const outputs = await session.run(Object.fromEntries(tensors))
  await session.release()
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]))
}

const runOver = (...batches: Feeds[]): RunData =>
  async function* (model) {
    for (const feeds of batches) yield { outputs: await outputsOf(model, feeds) }
  }

/** Operators that are left once ONNX Runtime has fused what it can. */
async function fused(model: Model): Promise<readonly string[]> {
  const path = join(tmpdir(), `pare-static-${process.pid}.onnx`)
  const session = await runtime.InferenceSession.create(await modelBytes(model), {
    ...{ logSeverityLevel: 3, optimizedModelFilePath: path },
  })
  await session.release()
  await using file = await openModel(path)
  const operators = file.model.graph.nodes.map(({ op }) => op)
  await rm(path)
  return operators
}

function apart(a: Float32Array, b: Float32Array): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) / Math.max(...a.map(Math.abs))
}

const SIZES = {
  stem: [8, 3, 3, 3],
  gamma: [8],
  beta: [8],
  mean: [8],
  variance: [8],
  each: [8, 1, 3, 3],
  eachBias: [8],
  right: [8, 8, 1, 1],
  left: [8, 8, 1, 1],
  head: [10, 8],
  headBias: [10],
} as const

const WEIGHTS = Object.fromEntries(
  Object.entries(SIZES).map(([name, shape], salt) => {
    const values = wave(
      shape.reduce((a: number, b) => a * b, 1),
      salt,
    )
    return [name, name === 'variance' ? values.map((value) => value ** 2 + 0.1) : values]
  }),
)

/** Convolution, normalisation, Relu; one of each channel for itself and a Clip; a residual Add of a branch; pools; a Gemm. */
function network(): Model {
  const constants = Object.entries(SIZES).map(([name, shape]) => `float[${shape}] ${name}`)
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     network (float[N, 3, 8, 8] image) => (float[N, 10] y)
     <${constants.join(', ')}, float low = {0.0}, float high = {0.5}>
     { a = Conv<pads = [1, 1, 1, 1]>(image, stem)  b = BatchNormalization(a, gamma, beta, mean, variance)  c = Relu(b)
       d = Conv<pads = [1, 1, 1, 1], group = 8>(c, each, eachBias)  e = Clip(d, low, high)
       f = Conv(e, right)  g = Conv(c, left)  h = Add(f, g)  i = Relu(h)
       j = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(i)
       k = GlobalAveragePool(j)  l = Flatten(k)  y = Gemm<transB = 1>(l, head, headBias) }`,
    WEIGHTS,
  )
}

const IMAGES = { image: { data: wave(4 * 192, 0.5), shape: [4, 3, 8, 8] } }

describe('a convolutional network', () => {
  test('is computed in integers from its input to its last product, and gives what the floats give', async () => {
    const { model, step } = await quantise(network(), { method: 'int8-static', run: runOver(IMAGES) })
    expect(step.left).toEqual([])
    expect(step.weights.map(({ id, form }) => `${id} ${form}`)).toEqual(
      ['stem', 'each', 'right', 'left', 'head'].map((id) => `${id} static`),
    )
    const operators = await fused(model)
    for (const op of ['Conv', 'FusedConv', 'BatchNormalization', 'Add', 'Relu', 'Clip', 'Gemm', 'DequantizeLinear'])
      expect(operators).not.toContain(op)
    expect(operators.filter((op) => op === 'QLinearConv')).toHaveLength(4)
    const [expected, actual] = [await outputsOf(network(), IMAGES), await outputsOf(model, IMAGES)]
    expect(apart(expected.y!, actual.y!)).toBeLessThan(0.02)
    expect(apart(expected.y!, actual.y!)).toBeGreaterThan(0)
  })

  test('has ranges of what is behind Relu and Clip, and those of rearranged values once', async () => {
    const { step } = await quantise(network(), { method: 'int8-static', run: runOver(IMAGES) })
    const ranges = new Map(step.activations!.map(({ id, ...range }) => [id, range]))
    expect([...ranges.keys()]).toEqual(['image', 'c', 'e', 'f', 'g', 'i', 'k'])
    const probed = await outputsOf(
      parseText(
        'p (float[N, 3, 8, 8] image) => (float low, float high) { low = ReduceMin<keepdims = 0>(image) high = ReduceMax<keepdims = 0>(image) }',
      ),
      IMAGES,
    )
    expect(ranges.get('image')).toEqual({ low: probed.low![0], high: probed.high![0] })
    expect(ranges.get('e')).toEqual({ low: 0, high: 0.5 })
    expect(ranges.get('c')!.low).toBe(0)
    expect(ranges.get('f')!.low).toBeLessThan(0)
  })

  test('is made again from the step to the same bytes', async () => {
    const { model, step } = await quantise(network(), { method: 'int8-static', run: runOver(IMAGES) })
    expect(await modelBytes(await applyQuantisation(network(), step))).toEqual(await modelBytes(model))
    await expect(applyQuantisation(network(), { ...step, activations: step.activations!.slice(1) })).rejects.toThrow(
      "the plan has no range for 'image'",
    )
  })

  test.each(['percentile', 'mse'] as const)('has narrower ranges by %s', async (range) => {
    const highOf = async (rule: 'minmax' | typeof range) => {
      const images = { image: { data: wave(100 * 192, 0.5).map((value) => value ** 9), shape: [100, 3, 8, 8] } }
      const { step } = await quantise(network(), { method: 'int8-static', range: rule, run: runOver(images) })
      return step.activations!.find(({ id }) => id === 'image')!.high
    }
    const [whole, narrow] = [await highOf('minmax'), await highOf(range)]
    expect(narrow).toBeLessThanOrEqual(whole)
    expect(narrow).toBeGreaterThan(0.7 * whole)
  })
})

describe('sums', () => {
  const SUMS = `<ir_version: 8, opset_import: ["" : 17]>
    sums (float[N, 64, 2, 2] x, float[N, 64] z) => (float[N, 64, 2, 2] y, float[N, 8] m, float[N, 64, 2, 2] d)
    <float[64, 64, 1, 1] w, float[64, 8] v, float[64, 1, 3, 3] u>
    { y = Conv(x, w)  m = MatMul(z, v)  d = Conv<group = 64, pads = [1, 1, 1, 1]>(x, u) }`
  test('of the largest codes are exact, also where a CPU adds two products in 16 bits', async () => {
    const ones = (count: number) => new Float32Array(count).fill(1)
    const model = parseText(SUMS, { w: ones(4096), v: ones(512), u: ones(576) })
    const feeds = { x: { data: ones(256).fill(255), shape: [1, 64, 2, 2] }, z: { data: ones(64).fill(255), shape: [1, 64] } }
    const { model: quantised } = await quantise(model, { method: 'int8-static', run: runOver(feeds) })
    const { y, m, d } = await outputsOf(quantised, feeds)
    // 64 · 255, and 4 of 9 positions of a window: all others are padding.
    expect(m![0]).toBeCloseTo(64 * 255, 2)
    expect(y![0]).toBeCloseTo(64 * 255, 2)
    expect(d![0]).toBeCloseTo(4 * 255, 2)
  })

  test('of a unit without weights are its bias, and a bias that is huge beside its weights fits', async () => {
    const model = parseText(
      `<ir_version: 8, opset_import: ["" : 17]>
       biases (float[N, 16] x) => (float[N, 3] y) <float[3, 16] w, float[3] b> { y = Gemm<transB = 1>(x, w, b) }`,
      { w: Float32Array.from({ length: 48 }, (_, i) => (i < 16 ? 0 : i < 32 ? 1e-9 : 0.1)), b: [0.3, 1000, -0.2] },
    )
    const feeds = { x: { data: wave(64, 1), shape: [4, 16] } }
    const { model: quantised } = await quantise(model, { method: 'int8-static', run: runOver(feeds) })
    const [expected, actual] = [await outputsOf(model, feeds), await outputsOf(quantised, feeds)]
    for (const [i, value] of expected.y!.entries())
      expect(Math.abs(actual.y![i]! - value)).toBeLessThan(i % 3 === 2 ? 0.02 : 1e-4 * Math.abs(value))
  })
})

test('a value that leaves the model keeps its name, and who computes in floats reads floats', async () => {
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     several (float[N, 4, 3, 3] x) => (float[N, 4, 3, 3] y, float[N, 4, 3, 3] z)
     <float[4, 4, 1, 1] w> { y = Conv(x, w)  s = Sigmoid(x)  t = Sigmoid(y)  z = Mul(s, t) }`,
    { w: wave(16, 2) },
  )
  const feeds = { x: { data: wave(72, 1), shape: [2, 4, 3, 3] } }
  const { model: quantised } = await quantise(model, { method: 'int8-static', run: runOver(feeds) })
  const producers = usesOf(quantised.graph).producers
  expect(producers.get('y')!.op).toBe('DequantizeLinear')
  expect(producers.get('s')!.inputs).toEqual(['x'])
  expect(producers.get('t')!.inputs).toEqual(['y'])
  const [expected, actual] = [await outputsOf(model, feeds), await outputsOf(quantised, feeds)]
  for (const name of ['y', 'z']) expect(apart(expected[name]!, actual[name]!)).toBeLessThan(0.02)
})

describe('a normalisation', () => {
  test('stands in the weight and bias before it, zeros staying zeros', async () => {
    const model = parseText(
      `<ir_version: 8, opset_import: ["" : 17]>
       normalised (float[N, 2, 4, 4] x) => (float[N, 3, 2, 2] y)
       <float[3, 2, 3, 3] w, float[3] b, float[3] gamma, float[3] beta, float[3] mean, float[3] variance>
       { a = Conv(x, w, b)  same = Identity(gamma)  y = BatchNormalization<epsilon = 0.01>(a, same, beta, mean, variance) }`,
      {
        ...{ w: wave(54, 1).map((value, i) => (i % 4 === 0 ? 0 : value)), b: [1, 2, 3], gamma: [0.5, -2, 0] },
        ...{ beta: [0.1, 0.2, 0.3], mean: [1, 0, -1], variance: [1, 4, 0] },
      },
    )
    const folded = await withoutNormalization(model)
    expect(folded.graph.nodes.map(({ op }) => op)).toEqual(['Conv'])
    const { constants } = usesOf(folded.graph)
    const weight = valuesOf('float32', await readAll(constants.get('w')!.data)) as Float32Array
    expect(weight.filter((_, i) => i % 4 === 0).every((value) => value === 0)).toBe(true)
    // γ ÷ √(σ² + ε) = 0.5 ÷ √1.01 of the first unit; its bias (1 − 1) · that + 0.1.
    expect(weight[1]).toBeCloseTo((wave(2, 1)[1]! * 0.5) / Math.sqrt(1.01), 6)
    expect((valuesOf('float32', await readAll(constants.get('y_bias')!.data)) as Float32Array)[0]).toBeCloseTo(0.1, 6)
    const feeds = { x: { data: wave(32, 3), shape: [1, 2, 4, 4] } }
    expect(apart((await outputsOf(model, feeds)).y!, (await outputsOf(folded, feeds)).y!)).toBeLessThan(1e-6)
  })

  test('stays where another reads the convolution, or statistics are those of the batch', async () => {
    for (const nodes of [
      'a = Conv(x, w)  n = BatchNormalization(a, v, v, v, v)  y = Add(n, a)',
      'a = Conv(x, w)  y, m, s = BatchNormalization<training_mode = 1>(a, v, v, v, v)',
    ]) {
      const model = parseText(
        `<ir_version: 8, opset_import: ["" : 17]> kept (float[N, 1, 4, 4] x) => (float[N, 1, 4, 4] y) <float[1, 1, 1, 1] w, float[1] v> { ${nodes} }`,
        { w: [1], v: [1] },
      )
      expect(await withoutNormalization(model)).toBe(model)
    }
  })
})

describe('a range', () => {
  test('has 256 codes, 0 among them, and none above the bound', () => {
    const { scale, zero } = scaleOfRange({ low: -1, high: 3 })
    expect(scale).toBeCloseTo(4 / 255, 7)
    // 1 ÷ (4 ÷ 255) = 63.75
    expect(zero).toBe(64)
    for (const high of [6, 0.1, 0.7, 1 / 3].map(Math.fround)) {
      const clipped = scaleOfRange({ low: 0, high })
      expect(clipped.zero).toBe(0)
      expect(Math.fround(clipped.scale * 255)).toBeLessThanOrEqual(high)
      expect(clipped.scale * 255).toBeCloseTo(high, 5)
    }
    expect(scaleOfRange({ low: 0, high: 0 })).toEqual({ scale: 1, zero: 0 })
  })

  test.each(['percentile', 'mse'] as const)('leaves out by %s what is far from all others', (rule) => {
    const histogram = emptyHistogram({ id: 'x', low: -1, high: 40 })
    histogram.add(wave(1e6, 0))
    histogram.add([40])
    const { low, high } = narrowed(histogram, rule)
    expect(high).toBeGreaterThan(0.98)
    expect(high).toBeLessThan(rule === 'percentile' ? 1.1 : 20)
    expect(low).toBeLessThan(-0.02)
  })

  test('of equally frequent numbers is nearly all of it', () => {
    const histogram = emptyHistogram({ id: 'x', low: -1, high: 1 })
    histogram.add(Float32Array.from({ length: 20480 }, (_, i) => (i + 0.5) / 10240 - 1))
    expect(narrowed(histogram, 'mse').high).toBeGreaterThan(0.98)
    // One in ten thousand of 20,480 is 2, less than a bin holds.
    expect(narrowed(histogram, 'percentile')).toEqual({ id: 'x', low: -1, high: 1 })
  })
})

describe('it is refused', () => {
  test('without data, before opset 13, and on data that give NaN', async () => {
    await expect(quantise(network(), { method: 'int8-static' })).rejects.toThrow('int8-static needs calibration data')
    const old = parseText('<ir_version: 8, opset_import: ["" : 12]> old (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }')
    await expect(quantise(old, { method: 'int8-static', run: runOver(IMAGES) })).rejects.toThrow('the model has opset 12')
    const bad = { image: { data: new Float32Array(192).fill(Number.NaN), shape: [1, 3, 8, 8] } }
    await expect(quantise(network(), { method: 'int8-static', run: runOver(bad) })).rejects.toThrow(
      "'image' is not finite on the calibration data",
    )
    await expect(quantise(network(), { method: 'int8-static', run: runOver() })).rejects.toThrow('there are no calibration data')
  })
})

import { type Model, modelBytes, parseText } from '@pare/onnx'
import runtime from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { applyQuantisation } from './apply.js'
import type { Quantiser } from './choices.js'
import { apart } from './output-error.js'
import { quantise } from './quantise.js'
import type { RunData } from './static/ranges.js'

const wave = (count: number, salt: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(7.3 * i + salt))

/** Each unit of `outlier` has one element many times as large as the others, beside which few bits hold nothing of these; what it is multiplied with is 0. */
function network(largest = 400): Model {
  const outlier = wave(32 * 32, 1)
  for (let unit = 0; unit < 32; unit++) outlier[unit] = largest
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     network (float[N, 32] x) => (float[N, 32] y) <float[32, 32] first, float[32, 32] outlier, float[32, 32] last, float[32] mask>
     { a = MatMul(x, first)  b = Mul(a, mask)  c = MatMul(b, outlier)  y = MatMul(c, last) }`,
    { first: wave(1024, 2), outlier, last: wave(1024, 3), mask: Float32Array.from({ length: 32 }, (_, i) => Number(i > 0)) },
  )
}

async function outputsOf(model: Model): Promise<Readonly<Record<string, Float32Array>>> {
  const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  const outputs = await session.run({ x: new runtime.Tensor('float32', wave(16 * 32, 5), [16, 32]) })
  await session.release()
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]))
}

const run = async (model: Model) => (await outputsOf(model)).y!

const runData: RunData = async function* (model) {
  yield { outputs: await outputsOf(model) }
}

/** √(Σ (y − ŷ)² ÷ Σ y²) */
function off(expected: Float32Array, actual: Float32Array): number {
  const sum = (of: (i: number) => number) => expected.reduce((total, _, i) => total + of(i), 0)
  return Math.sqrt(sum((i) => (expected[i]! - actual[i]!) ** 2) / sum((i) => expected[i]! ** 2))
}

describe('a weight that puts outputs off', () => {
  test.each<[Quantiser, number]>([
    ['int8', 0.05],
    ['int8-static', 0.05],
    ['int8-weights', 0.05],
  ])('stays floats under %s, with the reason, and no other does', async (method, allowed) => {
    const model = network()
    const floats = await run(model)
    const plain = await quantise(model, { method, run: runData })
    expect(off(floats, await run(plain.model))).toBeGreaterThan(allowed)
    const { model: kept, step, outputError } = await quantise(model, { method, run: runData, error: allowed })
    expect(step.weights.map(({ id }) => id)).toEqual(['first', 'last'])
    expect(step.left).toEqual([
      { id: 'outlier', elements: 1024, reason: expect.stringContaining('it is sensitive: alone it puts') },
    ])
    expect(outputError!.weights.map(({ id, isKept }) => [id, isKept]).slice(0, 1)).toEqual([['outlier', true]])
    // What is told is what ONNX Runtime gives.
    expect(outputError!.after).toBeCloseTo(off(floats, await run(kept)), 6)
    expect(outputError!.before).toBeCloseTo(off(floats, await run(plain.model)), 6)
    expect(outputError!.after).toBeLessThanOrEqual(allowed)
    expect(await modelBytes(await applyQuantisation(model, step))).toEqual(await modelBytes(kept))
  })

  test('has 8 bits under int4', async () => {
    const model = network(60)
    const floats = await run(model)
    const { model: kept, step, outputError } = await quantise(model, { method: 'int4', run: runData, error: 0.3 })
    const bits = Object.fromEntries(step.weights.map(({ id, bits }) => [id, bits ?? 4]))
    expect(bits.outlier).toBe(8)
    expect(kept.graph.initializers.map(({ name }) => name)).toContain('outlier_int8')
    expect(outputError!.after).toBeCloseTo(off(floats, await run(kept)), 6)
    expect(outputError!.after).toBeLessThan(outputError!.before)
  })

  test('is none where outputs are as near as is wanted', async () => {
    const plain = await quantise(network(2), { method: 'int8-static', run: runData })
    const { step, outputError } = await quantise(network(2), { method: 'int8-static', run: runData, error: 0.5 })
    expect(step).toEqual(plain.step)
    expect(outputError).toMatchObject({ weights: [], before: outputError!.after })
  })

  test('needs data', async () => {
    await expect(quantise(network(), { method: 'int8', error: 0.1 })).rejects.toThrow(
      'measured on calibration data, and there are none',
    )
  })
})

test('an error is the root mean square over outputs, each as a part of its size', () => {
  const outputs = (a: readonly number[], b: readonly number[]) =>
    new Map([
      ['a', [a]],
      ['b', [b]],
    ] as const)
  // a: 1 ÷ (9 + 16) = 0.04; b: 4 ÷ 16 = 0.25. √(0.29 ÷ 2) = 0.3808.
  expect(apart(outputs([3, 4], [4, 0]), outputs([3, 5], [2, 0]))).toBeCloseTo(0.38079, 5)
})

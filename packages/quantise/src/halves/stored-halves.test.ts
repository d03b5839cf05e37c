import { type Model, modelBytes, parseText, readAll, usesOf, valuesOf } from '@pare/onnx'
import runtime from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { applyQuantisation } from '../apply.js'
import type { Quantiser } from '../choices.js'
import { apart } from '../output-error.js'
import { quantise } from '../quantise.js'
import { applySmoothing } from '../smooth/apply.js'
import { smooth } from '../smooth/smooth.js'
import type { RunData } from '../static/ranges.js'
import { scaleAs } from './stored-halves.js'

const wave = (count: number, salt: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(7.3 * i + salt))
const pruned = (count: number, salt: number) => wave(count, salt).map((value, i) => (i % 3 === 0 ? 0 : value))

const VALUES = { table: wave(40 * 32, 1), gain: wave(32, 2), up: pruned(32 * 48, 3), bias: wave(48, 4), flat: wave(48 * 32, 5) }

/** A model that computes in halves, as exporters write one, or in floats. */
const computing = (type: 'float16' | 'float' = 'float16') =>
  parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     halves (int64[N, 6] ids) => (float[N, 6, 32] y) <${type}[40, 32] table, ${type}[32] gain, ${type}[32, 48] up, ${type}[48] bias, ${type}[48, 32] flat>
     { a = Gather(table, ids)  b = LayerNormalization<axis = -1>(a, gain)  c = MatMul(b, up)  d = Add(c, bias)  e = Relu(d)
       f = MatMul(e, flat)  y = Cast<to = 1>(f) }`,
    VALUES,
  )

/** The same weights, of which floats are made when the model is loaded. */
const stored = (type: 'float16' | 'bfloat16') =>
  parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     stored (int64[N, 6] ids) => (float[N, 6, 32] y) <${type}[40, 32] table, float[32] gain, ${type}[32, 48] up, float[48] bias, ${type}[48, 32] flat>
     { v = Cast<to = 1>(table)  a = Gather(v, ids)  b = LayerNormalization<axis = -1>(a, gain)  u = Cast<to = 1>(up)  c = MatMul(b, u)  d = Add(c, bias)  e = Relu(d)
       w = Cast<to = 1>(flat)  y = MatMul(e, w) }`,
    VALUES,
  )

async function outputsOf(model: Model): Promise<Readonly<Record<string, Float32Array>>> {
  const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  const ids = BigInt64Array.from({ length: 24 }, (_, i) => BigInt((i * 7) % 40))
  const outputs = await session.run({ ids: new runtime.Tensor('int64', ids, [4, 6]) })
  await session.release()
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]))
}

const run: RunData = async function* (model) {
  yield { outputs: await outputsOf(model) }
}

async function off(before: Model, after: Model): Promise<number> {
  const [expected, actual] = await Promise.all([before, after].map(outputsOf))
  return apart(new Map([['y', [expected!.y!]]]), new Map([['y', [actual!.y!]]]))
}

const typesIn = (model: Model) =>
  Object.fromEntries([...usesOf(model.graph).constants].map(([id, { type, shape }]) => [id, `${type}[${shape}]`]))

describe('a model that computes in halves', () => {
  test.each<Quantiser>(['int8', 'int8-weights', 'int4'])('loses by %s what one in floats does', async (method) => {
    const { model, step } = await quantise(computing(), { method })
    expect(step.weights.map(({ id }) => id)).toEqual(['table', 'up', 'flat'])
    expect(step.left).toEqual([])
    const inFloats = await off(computing('float'), (await quantise(computing('float'), { method })).model)
    const error = await off(computing(), model)
    expect(error / inFloats).toBeGreaterThan(0.5)
    expect(error / inFloats).toBeLessThan(1.5)
    expect(await modelBytes(await applyQuantisation(computing(), step))).toEqual(await modelBytes(model))
  })

  test('has scales of halves where halves are computed with, and of floats where inputs are rounded as they come', async () => {
    const { model: blocks } = await quantise(computing(), { method: 'int4' })
    expect(typesIn(blocks)).toMatchObject({ up_int4: 'uint8[48,1,16]', up_scale: 'float16[48]', table_scale: 'float16[40,1]' })
    const { model: integers } = await quantise(computing(), { method: 'int8' })
    expect(typesIn(integers)).toMatchObject({ up_uint8: 'uint8[32,48]', up_scale: 'float32[48]' })
    const codes = await readAll(usesOf(integers.graph).constants.get('up_uint8')!.data)
    const zeros = pruned(32 * 48, 3).map((value) => Number(value === 0))
    expect([...codes].map((code, i) => (zeros[i] === 1 ? code : 128)).every((code) => code === 128)).toBe(true)
  })

  test('has no integers of known ranges, with the reason, and no other halves', async () => {
    const { step } = await quantise(computing(), { method: 'int8-static', run })
    const reason = 'it is float16, and between products ONNX Runtime rounds float32 alone; int8 rounds it'
    expect(step.left.map((each) => [each.id, each.reason])).toEqual([
      ['up', reason],
      ['flat', reason],
    ])
    const { step: halves } = await quantise(computing(), { method: 'bf16' })
    expect(halves.left[0]!.reason).toBe('it is float16; only float32 is given fewer bits')
  })

  test('is smoothed, too', async () => {
    const { model, step } = await smooth(computing(), { method: 'int8', exponent: 0.5, run })
    expect(step.values.map(({ weights }) => weights)).toEqual([['up'], ['flat']])
    // Half a step of the 11 bits of a half's mantissa, in products of 32.
    expect(await off(computing(), model)).toBeLessThan(0.005)
  })
})

describe.each(['float16', 'bfloat16'] as const)('a model whose weights are stored as %s', (type) => {
  test.each<Quantiser>(['int8', 'int8-static', 'int4'])('loses by %s what one in floats does', async (method) => {
    const { model, step } = await quantise(stored(type), { method, run })
    expect(step.weights.map(({ id }) => id)).toEqual(['table', 'up', 'flat'])
    const inFloats = await off(computing('float'), (await quantise(computing('float'), { method, run })).model)
    const error = await off(stored(type), model)
    expect(error / inFloats).toBeGreaterThan(0.5)
    expect(error / inFloats).toBeLessThan(1.5)
    expect(Object.values(typesIn(model)).some((each) => each.startsWith(type))).toBe(false)
    expect(await modelBytes(await applyQuantisation(stored(type), step))).toEqual(await modelBytes(model))
  })

  test('keeps halves that are left as they are', async () => {
    const { step } = await quantise(stored(type), { method: 'int8' })
    const one = await applyQuantisation(stored(type), { ...step, weights: step.weights.filter(({ id }) => id === 'up') })
    expect(typesIn(one)).toMatchObject({ table: `${type}[40,32]`, flat: `${type}[48,32]`, up_uint8: 'uint8[32,48]' })
  })

  test('is smoothed as floats, and done again', async () => {
    const { model, step } = await smooth(stored(type), { method: 'int4', exponent: 'search', run })
    expect(await off(stored(type), model)).toBeLessThan(1e-5)
    expect(await modelBytes(await applySmoothing(stored(type), step))).toEqual(await modelBytes(model))
  })
})

test('scales of halves are never 0', () => {
  expect([scaleAs('float16', 1e-12), scaleAs('float16', -1e-12), scaleAs('float16', 0.1)]).toEqual([
    2 ** -24,
    -(2 ** -24),
    0.0999755859375,
  ])
  expect((valuesOf('float16', Uint8Array.of(0x66, 0x2e)) as Float32Array)[0]).toBe(0.0999755859375)
})

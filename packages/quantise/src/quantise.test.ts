import { type Model, modelBytes, parseText, readAll, usesOf, valuesOf } from '@pare/onnx'
import runtime from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { applyQuantisation } from './apply.js'
import { BLOCK_SIZES, type Quantiser } from './choices.js'
import { quantise } from './quantise.js'

/** Repeatable numbers around 0, a third of them exactly 0. */
function numbers(count: number, salt: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (i % 3 === 0 ? 0 : Math.sin(7.3 * i + salt) * (1 + (i % 5))))
}

const SIZES = {
  table: [40, 24],
  up: [24, 48],
  gate: [48, 24],
  bias: [48],
  filters: [16, 3, 3, 3],
  turned: [16, 8, 3, 3],
  down: [48, 24],
} as const

/** A table of rows, a MatMul, a Gemm with its weight turned, and convolutions. */
function network(): Model {
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     network (int64[N] ids, float[B, 3, 8, 8] image) => (float[N, 24] y, float[B, 8, H, W] z)
     <${Object.entries(SIZES)
       .map(([name, shape]) => `float[${shape}] ${name}`)
       .join(', ')}>
     { x = Gather(table, ids)
       a = MatMul(x, up)
       b = Gemm<transB = 1>(x, gate, bias)
       c = Mul(a, b)
       y = MatMul(c, down)
       f = Conv<pads = [1, 1, 1, 1]>(image, filters)
       z = ConvTranspose(f, turned) }`,
    Object.fromEntries(
      Object.entries(SIZES).map(([name, shape], i) => [
        name,
        numbers(
          shape.reduce((a: number, b) => a * b, 1),
          i,
        ),
      ]),
    ),
  )
}

async function run(model: Model): Promise<Readonly<Record<string, Float32Array>>> {
  const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  const outputs = await session.run({
    ids: new runtime.Tensor('int64', BigInt64Array.from([0n, 7n, 39n, 12n]), [4]),
    image: new runtime.Tensor('float32', numbers(192, 9), [1, 3, 8, 8]),
  })
  await session.release()
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]))
}

const WITHOUT_DATA = ['int8', 'int8-weights', 'int4', 'f16', 'bf16'] as const satisfies readonly Quantiser[]

/** Largest difference ÷ largest number. */
function apart(a: Float32Array, b: Float32Array): number {
  const most = Math.max(...a.map(Math.abs))
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) / most
}

async function stored(model: Model, name: string): Promise<ArrayLike<number>> {
  const tensor = usesOf(model.graph).constants.get(name)!
  return valuesOf(tensor.type, await readAll(tensor.data)) as ArrayLike<number>
}

describe('ONNX Runtime computes what the floats give', () => {
  // Half a step of 8 bits is 0.4 % of the largest weight, of 4 bits 6 %; sums of many have less. Products of three weights add up.
  const TOLERANCES = { int8: 0.03, 'int8-weights': 0.03, int4: 0.2, f16: 0.002, bf16: 0.01 } as const
  test.each(WITHOUT_DATA)('%s', async (method) => {
    const model = network()
    const { model: quantised, step } = await quantise(model, { method })
    expect(step.left).toEqual([])
    const product = { int8: 'integers', 'int8-weights': 'blocks', int4: 'blocks', f16: 'halves', bf16: 'halves' }[method]
    const [rows, other] = method.endsWith('f16') ? ['halves', 'halves'] : ['rows', 'stored']
    expect(Object.fromEntries(step.weights.map(({ id, form }) => [id, form]))).toEqual({
      ...{ table: rows, up: product, gate: product, down: product, filters: other, turned: other },
    })
    const [expected, actual] = [await run(model), await run(quantised)]
    for (const name of ['y', 'z']) {
      const difference = apart(expected[name]!, actual[name]!)
      expect(difference).toBeLessThan(TOLERANCES[method])
      // It is not the same model.
      expect(difference).toBeGreaterThan(0)
    }
  })

  test.each(BLOCK_SIZES)('blocks of %d', async (block) => {
    const model = network()
    const { model: quantised } = await quantise(model, { method: 'int8-weights', block })
    expect(apart((await run(model)).y!, (await run(quantised)).y!)).toBeLessThan(0.03)
  })
})

describe('a weight', () => {
  test('of int8 is the nearest of 255 steps of its unit, and zeros are zeros', async () => {
    const { model } = await quantise(network(), { method: 'int8' })
    const [codes, scales] = [Array.from(await stored(model, 'up_uint8'), (code) => code - 128), await stored(model, 'up_scale')]
    const weights = numbers(24 * 48, 1)
    for (const [i, weight] of weights.entries()) {
      const scale = scales[i % 48]!
      expect(Math.abs(codes[i]! * scale - weight)).toBeLessThanOrEqual(scale * 0.5001)
      if (weight === 0) expect(codes[i]).toBe(0)
    }
    expect(Math.max(...codes.map(Math.abs))).toBe(127)
  })

  test('of a Gemm is turned to [inputs, units]', async () => {
    const { model } = await quantise(network(), { method: 'int8' })
    const [codes, scales] = [
      Array.from(await stored(model, 'gate_uint8'), (code) => code - 128),
      await stored(model, 'gate_scale'),
    ]
    const weights = numbers(48 * 24, 2)
    expect(usesOf(model.graph).constants.get('gate_uint8')!.shape).toEqual([24, 48])
    for (let unit = 0; unit < 48; unit++)
      for (let k = 0; k < 24; k++)
        expect(Math.abs(codes[k * 48 + unit]! * scales[unit]! - weights[unit * 24 + k]!)).toBeLessThanOrEqual(
          scales[unit]! * 0.5001,
        )
  })

  test('of 4 bits is the nearest of 16 steps of its block, and zeros are the middle one', async () => {
    const { model } = await quantise(network(), { method: 'int4', block: 16 })
    const [bytes, scales] = [await stored(model, 'up_int4'), await stored(model, 'up_scale')]
    const weights = numbers(24 * 48, 1)
    // 24 inputs are two blocks of 16, of which the second is half full.
    for (let unit = 0; unit < 48; unit++)
      for (let k = 0; k < 24; k++) {
        const at = (unit * 2 + Math.floor(k / 16)) * 8 + ((k % 16) >> 1)
        const code = k % 2 === 0 ? bytes[at]! & 15 : bytes[at]! >> 4
        const scale = scales[unit * 2 + Math.floor(k / 16)]!
        const weight = weights[k * 48 + unit]!
        // The largest of the other sign may be half a step beyond the last code.
        expect(Math.abs((code - 8) * scale - weight)).toBeLessThanOrEqual(Math.abs(scale) * 1.0001)
        if (weight === 0) expect(code).toBe(8)
      }
  })

  test('is left with the reason', async () => {
    const model = parseText(
      `<ir_version: 8, opset_import: ["" : 17]>
       left (float[N, 16] x) => (float[N, 16] y, float[16, 16] w)
       <float[16, 16] table, float[16, 16] w, float[16, 16] large, float[16, 16] twice>
       { a = Add(x, table)  b = MatMul(a, w)  c = MatMul(b, large)  d = MatMul(c, twice)  e = Transpose(twice)  f = Relu(e)  y = MatMul(d, f) }`,
      Object.fromEntries(
        ['table', 'w', 'large', 'twice'].map((name, i) => [
          name,
          numbers(256, i).map((one) => (name === 'large' ? one * 1e5 : one)),
        ]),
      ),
    )
    const reasons = async (method: Quantiser) =>
      Object.fromEntries((await quantise(model, { method })).step.left.map(({ id, reason }) => [id, reason]))
    expect(await reasons('int8')).toEqual({
      table: "of Add 'a', input 1, it is not known where its units are",
      w: 'it is an output of the model',
      twice: "of Transpose 'e', input 0, it is not known where its units are",
    })
    expect(await reasons('f16')).toEqual({
      w: 'it is an output of the model',
      large: expect.stringMatching(/^it has an element of \d\.\d\de\+5; float16 reaches to 65504$/),
    })
  })
})

test('of a model that is halves in parts, the others become halves', async () => {
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17]> mixed (float[N, 16] x) => (float16[N, 16] y) <float[16, 16] w, float16[16, 16] v>
     { a = MatMul(x, w) h = Cast<to = 10>(a) y = MatMul(h, v) }`,
    { w: numbers(256, 1), v: numbers(256, 2) },
  )
  const { step } = await quantise(model, { method: 'f16' })
  expect(step.weights.map(({ id }) => id)).toEqual(['w'])
  expect(step.left).toEqual([{ id: 'v', elements: 256, reason: 'it is stored as halves already' }])
})

test('bfloat16 has the upper half of each float, rounded, keeps large ones, and is made floats again when a model is loaded', async () => {
  const values = numbers(256, 1).map((value) => value * 1e30)
  const text = (opset: number) =>
    parseText(
      `<ir_version: 8, opset_import: ["" : ${opset}]> wide (float[N, 16] x) => (float[N, 16] y) <float[16, 16] w> { y = MatMul(x, w) }`,
      { w: values },
    )
  const { model, step } = await quantise(text(13), { method: 'bf16' })
  expect(step.weights).toEqual([{ id: 'w', form: 'halves', elements: 256 }])
  const tensor = usesOf(model.graph).constants.get('w_half')!
  expect([tensor.type, tensor.data.byteLength]).toEqual(['bfloat16', 512])
  const halves = (await stored(model, 'w_half')) as Float32Array
  const words = new Uint32Array(1)
  for (const [i, value] of values.entries()) {
    new Float32Array(words.buffer)[0] = value
    // To the nearest of 8 bits of mantissa: half a step of 2⁻⁷ at most.
    expect(Math.abs(halves[i]! - value)).toBeLessThanOrEqual(Math.abs(value) / 256)
    new Float32Array(words.buffer)[0] = halves[i]!
    expect(words[0]! & 0xffff).toBe(0)
  }
  const { step: old } = await quantise(text(12), { method: 'bf16' })
  expect(old.left[0]!.reason).toBe('the model has opset 12, and Cast reads bfloat16 from opset 13 on')
})

test('a step is done again to the same bytes, and refuses another model', async () => {
  const { model, step } = await quantise(network(), { method: 'int4' })
  expect(await modelBytes(await applyQuantisation(network(), step))).toEqual(await modelBytes(model))
  const smaller = parseText('other (float[N, 4] x) => (float[N, 4] y) <float[4, 4] up> { y = MatMul(x, up) }', {
    up: numbers(16, 1),
  })
  await expect(applyQuantisation(smaller, step)).rejects.toThrow(
    "the plan quantises 'table' with 960 elements, and this model has no such constant",
  )
})

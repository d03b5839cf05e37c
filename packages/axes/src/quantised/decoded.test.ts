import { createRequire } from 'node:module'
import { elementCount, type Model, makePayload, makeTensor, modelBytes, parseText, readAll, withTensors } from '@pare/onnx'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quantisationOf } from './quantised-tensors.js'

// What the codes stand for, as ONNX Runtime says; and what is written where elements are masked, as it reads it again.

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

const header = '<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>'
const ints = (count: number, most: number, least = -most) =>
  Array.from({ length: count }, (_, i) => Math.round(Math.sin(12.9 * (i + 1)) * ((most - least) / 2) + (most + least) / 2)).join(
    ', ',
  )
const floats = (count: number) => Array.from({ length: count }, (_, i) => (0.01 + 0.013 * ((i * 7) % 5)).toFixed(3)).join(', ')

const decoding = (stored: string, attributes = '', inputs = 'q, s') =>
  parseText(`${header} g () => (float[4, 6] y) <${stored}> { y = DequantizeLinear${attributes}(${inputs}) }`)

/** The identity times the weight: its rows are columns of the weight. */
const blocks = (stored: string, inputs: string, k = 32) =>
  parseText(
    `${header} g (float[N, ${k}] q) => (float[N, 4] y) <${stored}> { y = com.microsoft.MatMulNBits<K = ${k}, N = 4, bits = 4, block_size = 16>(${inputs}) }`,
  )

const DECODED: readonly (readonly [string, Model])[] = [
  ['one scale', decoding(`int8[4, 6] q = {${ints(24, 127)}}, float s = {0.1}`)],
  [
    'zero points of an axis',
    decoding(
      `uint8[4, 6] q = {${ints(24, 255, 0)}}, float[6] s = {${floats(6)}}, uint8[6] z = {0, 9, 99, 200, 255, 1}`,
      '<axis = 1>',
      'q, s, z',
    ),
  ],
  ['the first axis', decoding(`int8[4, 6] q = {${ints(24, 127)}}, float[4] s = {${floats(4)}}`, '<axis = -2>')],
  ['4 bits', decoding(`int4[4, 6] q = {${ints(24, 7)}}, float[4] s = {${floats(4)}}`, '<axis = 0>')],
  [
    '4 bits with zero points',
    decoding(
      `uint4[4, 6] q = {${ints(24, 15, 0)}}, float[6] s = {${floats(6)}}, uint4[6] z = {${ints(6, 15, 0)}}`,
      '<axis = 1>',
      'q, s, z',
    ),
  ],
  ['16 bits', decoding(`int16[4, 6] q = {${ints(24, 30_000)}}, float s = {0.001}`)],
  ['32 bits', decoding(`int32[4, 6] q = {${ints(24, 1_000_000)}}, float s = {0.001}`)],
  [
    'blocks',
    decoding(
      `int8[4, 6] q = {${ints(24, 127)}}, float[4, 2] s = {${floats(8)}}, int8[4, 2] z = {${ints(8, 9)}}`,
      '<axis = 1, block_size = 3>',
      'q, s, z',
    ),
  ],
  [
    'blocks of rows',
    decoding(`int8[4, 6] q = {${ints(24, 127)}}, float[2, 6] s = {${floats(12)}}`, '<axis = 0, block_size = 2>'),
  ],
]

const PACKED: readonly (readonly [string, Model])[] = [
  ['MatMulNBits', blocks(`uint8[4, 2, 8] w = {${ints(64, 255, 0)}}, float[8] s = {${floats(8)}}`, 'q, w, s')],
  [
    'MatMulNBits with zero points',
    blocks(
      `uint8[4, 2, 8] w = {${ints(64, 255, 0)}}, float[8] s = {${floats(8)}}, uint8[4] z = {${ints(4, 255, 0)}}`,
      'q, w, s, z',
    ),
  ],
  [
    'MatMulNBits with padded rows',
    blocks(
      `uint8[4, 3, 8] w = {${ints(96, 255, 0)}}, float[12] s = {${floats(12)}}, uint8[8] z = {${ints(8, 255, 0)}}`,
      'q, w, s, z',
      36,
    ),
  ],
]

describe.each([...DECODED, ...PACKED])('%s', (name, model) => {
  const [tensor] = quantisationOf(model).tensors.values()
  const isPacked = name.startsWith('MatMulNBits')

  it('stands for what ONNX Runtime computes of it', async () => {
    expect(Array.from(await valuesIn(model))).toEqual(
      Array.from(await outputOf(model, isPacked), (value) => expect.closeTo(value, 5)),
    )
  })

  it('is read in any stretch', async () => {
    const { data } = tensor!.values
    const all = await readAll(data)
    await fc.assert(
      fc.asyncProperty(fc.nat(all.length), fc.nat(all.length), async (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        if (from === to) return
        const target = new Uint8Array(to - from)
        await data.read(target, from)
        expect(target).toEqual(all.slice(from, to))
      }),
      { numRuns: 30 },
    )
  })

  it('is zero where it is masked, and as it was elsewhere, in any stretch', async () => {
    const before = await valuesIn(model)
    const masked = Float32Array.from(before, (value, i) => (i % 3 === 1 ? 0 : value))
    const data = tensor!.masked(makePayload(new Uint8Array(masked.buffer)))
    const whole = await readAll(data)
    const after = withTensors(model, (each) => (each === tensor!.stored ? { ...each, data: makePayload(whole) } : each))
    expect(Array.from(await outputOf(after, isPacked))).toEqual(Array.from(masked, (value) => expect.closeTo(value, 5)))
    for (let from = 0; from < whole.length; from += 5) {
      const target = new Uint8Array(Math.min(3, whole.length - from))
      await data.read(target, from)
      expect(target).toEqual(whole.slice(from, from + 3))
    }
  })
})

describe.each([
  ['float8e4m3fn', 0x7f, [0x08, 0x38, 0xb8, 0x7e, 0x01], [2 ** -6, 1, -1, 448, 2 ** -9]],
  ['float8e5m2', 0x7c, [0x3c, 0xbc, 0x7b, 0x01], [1, -1, 57_344, 2 ** -16]],
] as const)('%s', (type, notFinite, bytes, values) => {
  it('stands for what its standard says', async () => {
    const q = makeTensor({
      name: 'q',
      type,
      shape: [bytes.length + 1],
      data: makePayload(Uint8Array.from([...bytes, notFinite])),
    })
    const model = decoding('int8[4, 6] w = {1}, float s = {1}'.replace('{1}', `{${ints(24, 9)}}`), '', 'w, s')
    const stored = withTensors(model, (tensor) => (tensor.name === 'w' ? { ...q, name: 'w' } : tensor))
    expect(Array.from(await valuesIn(stored))).toEqual([...values, Number.NaN])
  })
})

async function valuesIn(model: Model): Promise<Float32Array> {
  const [{ values } = { values: undefined }] = quantisationOf(model).tensors.values()
  return new Float32Array((await readAll(values!.data)).buffer)
}

/** Of MatMulNBits the weight [N, K], from its product with the identity. */
async function outputOf(model: Model, isPacked: boolean): Promise<Float32Array> {
  const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  if (!isPacked) return (await session.run({})).y!.data as Float32Array
  const shape = quantisationOf(model).tensors.values().next().value!.values.shape
  const [n, k] = shape as [number, number]
  const identity = Float32Array.from({ length: k * k }, (_, i) => (i % (k + 1) === 0 ? 1 : 0))
  const y = (await session.run({ q: new runtime.Tensor('float32', identity, [k, k]) })).y!.data as Float32Array
  return Float32Array.from({ length: elementCount(shape) }, (_, i) => y[(i % k) * n + Math.floor(i / k)]!)
}

import { editGraph, editModel, makeTensor, modelBytes, parseText } from '@pare/onnx'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { difference, float } from './pruned.test.support.js'
import { SparseSession } from './sparse-session.js'

// Integers as quantisers write them: W[in, out] has 70 % zeros, which are the zero point.
const [INPUTS, UNITS] = [70, 36]
const isZero = (i: number) => (i * 7919) % 10 < 7
const code = (i: number) => (isZero(i) ? 0 : ((i * 104_729) % 253) - 126)
const weightOf = (type: 'int8' | 'uint8', shape: readonly number[]) =>
  makeTensor({
    name: 'w',
    type,
    shape,
    values: Array.from({ length: INPUTS * UNITS }, (_, i) => code(i) + (type === 'uint8' ? 128 : 0)),
  })
const perUnit = makeTensor({
  name: 's',
  type: 'float32',
  shape: [UNITS],
  values: Float32Array.from({ length: UNITS }, (_, i) => (i + 1) / 500),
})

async function bytesOf(text: string, initializers: Parameters<typeof editGraph>[1]['initializers']): Promise<Uint8Array> {
  const model = parseText(`<ir_version: 8, opset_import: ["" : 17]> g (float[M, ${INPUTS}] x) => (float[M, ${UNITS}] y) ${text}`)
  const { graph } = model
  return modelBytes(editModel(model, { graph: editGraph(graph, { initializers: [...graph.initializers, ...initializers!] }) }))
}

const dynamic =
  '{ q, a, z = DynamicQuantizeLinear(x) i = MatMulInteger(q, w, z, m) c = Cast <to = 1> (i) f = Mul(a, s) y = Mul(c, f) }'

describe('weights of integers', () => {
  it('with a zero point for each row of the input stay with ONNX Runtime', async () => {
    const text =
      '<uint8[2] rows = {3, 7}, uint8 m = {128}> { q, a, z = DynamicQuantizeLinear(x) i = MatMulInteger(q, w, rows, m) c = Cast <to = 1> (i) y = Mul(c, s) }'
    const bytes = await bytesOf(text, [weightOf('uint8', [INPUTS, UNITS]), perUnit])
    await using session = await SparseSession.create(bytes, { ort, plan: 'sparse', fewestElements: 0 })
    expect(session.plan).toMatchObject({ kind: 'dense', reason: expect.stringContaining('zeros') })
  })

  it.each([
    ['DynamicQuantizeLinear and MatMulInteger of uint8', `<uint8 m = {128}> ${dynamic}`, weightOf('uint8', [INPUTS, UNITS])],
    ['the same of int8', `<int8 m = {0}> ${dynamic}`, weightOf('int8', [INPUTS, UNITS])],
    [
      'DequantizeLinear for each column',
      '{ f = DequantizeLinear <axis = 1> (w, s) y = MatMul(x, f) }',
      weightOf('int8', [INPUTS, UNITS]),
    ],
    [
      'DequantizeLinear for each row of Gemm',
      '<float[1] b = {0.5}> { f = DequantizeLinear <axis = 0> (w, s) y = Gemm <transB = 1> (x, f, b) }',
      weightOf('int8', [UNITS, INPUTS]),
    ],
    [
      'DequantizeLinear of all',
      '<float t = {0.01}, uint8 m = {128}, float[1] s = {0}> { f = DequantizeLinear(w, t, m) y = MatMul(x, f) }',
      weightOf('uint8', [INPUTS, UNITS]),
    ],
    [
      'DequantizeLinear of inputs, too, as static quantisers write it',
      '<float t = {0.02}, uint8 m = {128}> { q = QuantizeLinear(x, t, m) d = DequantizeLinear(q, t, m) f = DequantizeLinear <axis = 1> (w, s) y = MatMul(d, f) }',
      weightOf('int8', [INPUTS, UNITS]),
    ],
  ])('are multiplied sparse: %s', async (_, text, weight) => {
    const bytes = await bytesOf(text, text.includes('s = {0}') ? [weight] : [weight, perUnit])
    await using session = await SparseSession.create(bytes, { ort, plan: 'sparse', fewestElements: 0 })
    expect(session.plan).toMatchObject({ kind: 'sparse', sparse: [expect.any(String)] })
    // Optimised, ONNX Runtime rounds x to 8 bits before it multiplies with dequantised weights.
    const feeds = [{ x: float([1, INPUTS]) }, { x: float([9, INPUTS]) }]
    expect(await difference(bytes, feeds, { graphOptimizationLevel: 'disabled' })).toBeLessThan(2e-6)
  })
})

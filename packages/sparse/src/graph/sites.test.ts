import { parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { sparseSites } from './sites.js'

// Half of each weight is zero; a third of 1 is no half.
const weights = {
  a: Float32Array.from({ length: 64 }, (_, i) => (i % 2) * 0.25),
  b: Float32Array.from({ length: 64 }, (_, i) => (i % 2) / 3),
  c: Float32Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? 0 : Number.POSITIVE_INFINITY)),
}
const model = parseText(
  `g (float[N, 8] x) => (float[N, 8] y) <float[8, 8] a, float[8, 8] b, float[8, 8] c>
    { p = MatMul(x, a) q = MatMul(p, b) r = MatMul(q, c) y = MatMul(r, a) }`,
  weights,
)
const options = { leastSparsity: 0.5, fewestElements: 0 }

describe('values of weights', () => {
  it('are stored as halves where each is a finite half, and the same weight once', async () => {
    const sites = await sparseSites(model, { ...options, narrowFrom: 0 })
    expect(sites.map(({ matrix }) => matrix.values.constructor.name)).toEqual([
      'Uint16Array',
      'Float32Array',
      'Float32Array',
      'Uint16Array',
    ])
    expect(sites[0]!.matrix).toBe(sites[3]!.matrix)
  })

  it('stay f32 while all of them are few', async () => {
    // 32 values of each of three weights.
    const kindsFrom = async (narrowFrom: number) =>
      (await sparseSites(model, { ...options, narrowFrom })).map(({ matrix }) => matrix.values.BYTES_PER_ELEMENT)
    expect(await kindsFrom(3 * 32 * 4 + 1)).toEqual([4, 4, 4, 4])
    expect(await kindsFrom(3 * 32 * 4)).toEqual([2, 4, 4, 2])
  })

  it('of halves behind a Cast are those of f32, with the name that the file has', async () => {
    const stored = parseText(
      `g (float[N, 8] x) => (float[N, 8] y) <float16[8, 8] a, float16[8] bias>
        { w = Cast <to = 1> (a) v = Cast <to = 1> (bias) p = MatMul(x, w) y = Add(p, v) }`,
      { a: weights.a, bias: Float32Array.from({ length: 8 }, (_, i) => i / 2) },
    )
    const [site] = await sparseSites(stored, { ...options, narrowFrom: 1e9 })
    const [plain] = await sparseSites(model, { ...options, narrowFrom: 1e9 })
    expect(site).toMatchObject({ weight: 'a', matrix: plain!.matrix, bias: Float32Array.of(0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5) })
  })
})

describe('weights of integers', () => {
  it('keep their codes, with a scale for each output, where they stand behind a DequantizeLinear', async () => {
    const stored = parseText(
      `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 8] x) => (float[N, 8] y) <int8[8, 8] w, float[8] s>
        { f = DequantizeLinear <axis = 1> (w, s) y = MatMul(x, f) }`,
      {
        w: Int8Array.from({ length: 64 }, (_, i) => (i % 2) * (i - 40)),
        s: Float32Array.from({ length: 8 }, (_, i) => (i + 1) / 3),
      },
    )
    const [site] = await sparseSites(stored, { ...options, narrowFrom: 0 })
    const { values, scales } = site!.matrix as { values: Int8Array; scales: Float32Array }
    // Column 1 of w, downwards: 1 − 40, 9 − 40, …
    expect([...values.subarray(0, 8)]).toEqual([-39, -31, -23, -15, -7, 1, 9, 17])
    expect([...scales]).toEqual(Array.from({ length: 8 }, (_, i) => Math.fround((i + 1) / 3)))
    expect(site).toMatchObject({ weight: 'w', integers: true })
  })
})

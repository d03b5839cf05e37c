import { fileURLToPath } from 'node:url'
import { analyseUnits, type CoupledGroup } from '@pare/core'
import { openModel, parseText } from '@pare/onnx'
import { testCutStructure } from '@pare/testing'
import { expect, test } from 'vitest'
import { head } from './index.js'

testCutStructure(head)

test('lm-llama: 4 key-value heads in each of 6 layers; kjv-bert: 4 heads in each of 4; vit: 4 in each of 3', async () => {
  expect((await groupsIn('lm-llama')).map(({ units }) => units)).toEqual([4, 4, 4, 4, 4, 4])
  expect((await groupsIn('kjv-bert')).map(({ units }) => units)).toEqual([4, 4, 4, 4])
  expect((await groupsIn('untrained/vit')).map(({ units }) => units)).toEqual([4, 4, 4])
})

/** The groups in a trained model. */
async function groupsIn(name: string): Promise<readonly CoupledGroup[]> {
  await using file = await openModel(fileURLToPath(new URL(`../../../test-models/${name}.onnx`, import.meta.url)))
  const { groups } = head().find(await analyseUnits(file.model))
  return groups as readonly CoupledGroup[]
}

test('heads under one norm are declined: removing one would change the others', async () => {
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     normed (float[N, T, 4] x) => (float[N, T, 4] y)
     <float[4, 4] q, float[4, 4] k, float[4, 4] v, float[4, 4] out, float[4] n = {1, 2, 3, 4}, int64[4] heads = {0, 0, 2, 2}, int64[3] merged = {0, 0, 4}>
     { q0 = MatMul(x, q)
       k0 = MatMul(x, k)
       v0 = MatMul(x, v)
       qn = LayerNormalization<axis = -1>(q0, n)
       q1 = Reshape(qn, heads)
       k1 = Reshape(k0, heads)
       v1 = Reshape(v0, heads)
       qh = Transpose<perm = [0, 2, 1, 3]>(q1)
       kh = Transpose<perm = [0, 2, 3, 1]>(k1)
       vh = Transpose<perm = [0, 2, 1, 3]>(v1)
       scores = MatMul(qh, kh)
       weights = Softmax<axis = -1>(scores)
       mixed = MatMul(weights, vh)
       back = Transpose<perm = [0, 2, 1, 3]>(mixed)
       flat = Reshape(back, merged)
       y = MatMul(flat, out) }`,
    Object.fromEntries(['q', 'k', 'v', 'out'].map((name) => [name, Float32Array.from({ length: 16 }, (_, i) => Math.sin(i))])),
  )
  const { groups, declined } = head().find(await analyseUnits(model))
  expect(groups).toEqual([])
  expect(declined.map(({ reason }) => reason)).toEqual([
    expect.stringContaining('a normalisation takes statistics over all heads'),
  ])
})

test('a mask that is spread over the scores makes no queries of heads', async () => {
  const sizes = ['q', 'k', 'v', 'out'].map((name) => [name, Float32Array.from({ length: 16 }, (_, i) => Math.sin(i))] as const)
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     filled (float[N, T, 4] x, bool[N, 1, 1, T] hidden) => (float[N, T, 4] y)
     <float[4, 4] q, float[4, 4] k, float[4, 4] v, float[4, 4] out, float never = {-10000}, int64[4] heads = {0, 0, 2, 2}, int64[3] merged = {0, 0, 4}>
     { q0 = MatMul(x, q)
       k0 = MatMul(x, k)
       v0 = MatMul(x, v)
       q1 = Reshape(q0, heads)
       k1 = Reshape(k0, heads)
       v1 = Reshape(v0, heads)
       qh = Transpose<perm = [0, 2, 1, 3]>(q1)
       kh = Transpose<perm = [0, 2, 3, 1]>(k1)
       vh = Transpose<perm = [0, 2, 1, 3]>(v1)
       scores = MatMul(qh, kh)
       size = Shape(scores)
       spread = Expand(hidden, size)
       seen = Where(spread, never, scores)
       weights = Softmax<axis = -1>(seen)
       mixed = MatMul(weights, vh)
       back = Transpose<perm = [0, 2, 1, 3]>(mixed)
       flat = Reshape(back, merged)
       y = MatMul(flat, out) }`,
    Object.fromEntries(sizes),
  )
  const analysis = await analyseUnits(model)
  const [heads] = head().find(analysis).groups as readonly CoupledGroup[]
  expect(heads).toMatchObject({ units: 2 })
  expect(heads!.roles.has('repeat')).toBe(false)
  expect(head({ queries: true }).find(analysis).groups).toEqual([heads])
})

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { analyseUnits, applyPlan, type CutStep } from '@pare/core'
import { type Model, modelBytes, openModel, parseText } from '@pare/onnx'
import { testCutStructure } from '@pare/testing'
import { expect, test } from 'vitest'
import { hidden } from './index.js'

testCutStructure(hidden)

test.each([
  ['lm-llama', 256],
  ['kjv-bert', 128],
  ['untrained/vit', 64],
])('%s: one group of %i', async (name, width) => {
  await using file = await openModel(fileURLToPath(new URL(`../../../test-models/${name}.onnx`, import.meta.url)))
  const { groups, declined } = hidden().find(await analyseUnits(file.model))
  expect(groups.map((group) => group.kind === 'coupled' && group.units)).toEqual([width])
  expect(declined).toEqual([])
})

test('a cut model is the one written by hand with the columns that stay', async () => {
  const [whole, byHand] = [network([0, 1, 2, 3, 4, 5]), network([0, 2, 5])]
  const [group] = hidden().find(await analyseUnits(whole)).groups
  const step = { kind: 'cut', structure: 'hidden', criterion: 'test', scope: 'group', target: { ratio: 0.5 } } as const
  const cutBy: CutStep = { ...step, groups: [{ id: group!.id, units: 6, removed: [1, 3, 4] }] }
  const cut = await applyPlan(whole, { seed: 1, steps: [cutBy] })
  const [actual, expected, before] = await Promise.all([cut, byHand, whole].map(run))
  expect(actual).toEqual(expected)
  expect(actual).not.toEqual(before)
})

/** One block and two norms, with these columns of the width: numbers depend on the column alone, not on how many there are. */
function network(columns: readonly number[]): Model {
  const width = columns.length
  const along = (rows: number, seed: number) =>
    Float32Array.from({ length: rows * width }, (_, i) => Math.sin(Math.floor(i / width) * 7 + columns[i % width]! * 3 + seed))
  const across = (others: number, seed: number) =>
    Float32Array.from({ length: width * others }, (_, i) =>
      Math.sin(columns[Math.floor(i / others)]! * 3 + (i % others) * 5 + seed),
    )
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     network (int64[N, T] ids) => (float[N, T, 7] y)
     <float[9, ${width}] embed, float[${width}] n, float[${width}] b, float[${width}, 4] up, float[4, ${width}] down, float[${width}] m, float[${width}, 7] head>
     { h = Gather(embed, ids)
       a = LayerNormalization<axis = -1>(h, n, b)
       u = MatMul(a, up)
       g = Relu(u)
       d = MatMul(g, down)
       r = Add(h, d)
       l = LayerNormalization<axis = -1>(r, m)
       y = MatMul(l, head) }`,
    {
      embed: along(9, 1),
      n: along(1, 2),
      b: along(1, 3),
      up: across(4, 4),
      down: along(4, 5),
      m: along(1, 6),
      head: across(7, 7),
    },
  )
}

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

async function run(model: Model): Promise<unknown> {
  const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  const ids = new runtime.Tensor('int64', BigInt64Array.from([0n, 4n, 8n, 2n, 7n, 1n]), [2, 3])
  return (await session.run({ ids })).y!.data
}

test('a width that a mask and a norm are spread over is the width still: its reason says that it leaves the model', async () => {
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     pooled (int64[N, T] ids, float[N, T] mask) => (float[N, 6] embedding)
     <float[16, 6] table, float[6, 8] up, float[8, 6] down, float[6] n = {1, 2, 3, 4, 5, 6}, int64[1] last = {-1}, int64[1] one = {1}>
     { x = Gather(table, ids)
       a = LayerNormalization<axis = -1>(x, n)
       b = MatMul(a, up)
       c = Relu(b)
       d = MatMul(c, down)
       e = Add(x, d)
       size = Shape(e)
       column = Unsqueeze(mask, last)
       wide = Expand(column, size)
       kept = Mul(e, wide)
       sum = ReduceSum<keepdims = 0>(kept, one)
       length = ReduceL2<axes = [1]>(sum)
       whole = Shape(sum)
       lengths = Expand(length, whole)
       embedding = Div(sum, lengths) }`,
    {
      table: Float32Array.from({ length: 96 }, (_, i) => Math.sin(i)),
      up: Float32Array.from({ length: 48 }, (_, i) => Math.cos(i)),
      down: Float32Array.from({ length: 48 }, (_, i) => Math.sin(2 * i)),
    },
  )
  const { groups, declined } = hidden().find(await analyseUnits(model))
  expect(groups).toEqual([])
  expect(declined).toEqual([{ id: 'table:1', structure: 'hidden', reason: "it is an axis of the output 'embedding'" }])
})

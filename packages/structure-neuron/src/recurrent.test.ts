import { analyseUnits, type CoupledGroup } from '@pare/core'
import { type Model, parseText } from '@pare/onnx'
import { testCutStructure } from '@pare/testing'
import { expect, test } from 'vitest'
import { neuron } from './index.js'

/** An embedding, two layers of 4 and 3 units that read a text both ways, and a classifier on their last states. */
function tagger(op: string, gates: number): Model {
  const sizes = {
    ...{ table: 6 * 5, v: 6 * 3 },
    ...{ w1: 2 * gates * 4 * 5, r1: 2 * gates * 4 * 4, b1: 2 * 2 * gates * 4 },
    ...{ w2: 2 * gates * 3 * 8, r2: 2 * gates * 3 * 3, b2: 2 * 2 * gates * 3 },
  }
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     tagger (int64[N, T] ids) => (float[N, 3] y)
     <float[6, 5] table, float[6, 3] v, int64[3] merged = {0, 0, 8}, int64[2] flat = {-1, 6},
      float[2, ${gates * 4}, 5] w1, float[2, ${gates * 4}, 4] r1, float[2, ${8 * gates}] b1,
      float[2, ${gates * 3}, 8] w2, float[2, ${gates * 3}, 3] r2, float[2, ${6 * gates}] b2>
     { e = Gather(table, ids)
       t = Transpose<perm = [1, 0, 2]>(e)
       a = ${op}<hidden_size = 4, direction = "bidirectional">(t, w1, r1, b1)
       s = Transpose<perm = [0, 2, 1, 3]>(a)
       h = Reshape(s, merged)
       , k = ${op}<hidden_size = 3, direction = "bidirectional">(h, w2, r2, b2)
       n = Transpose<perm = [1, 0, 2]>(k)
       m = Reshape(n, flat)
       y = MatMul(m, v) }`,
    Object.fromEntries(
      Object.entries(sizes).map(([name, count], salt) => [
        name,
        Float32Array.from({ length: count }, (_, i) => Math.sin(2.3 * i + salt)),
      ]),
    ),
  )
}

const MODELS = { LSTM: () => tagger('LSTM', 4), GRU: () => tagger('GRU', 3), RNN: () => tagger('RNN', 1) }

testCutStructure(neuron, { models: MODELS })

test.each(Object.entries(MODELS))('%s: the hidden units of both layers, judged by weights and not by biases', async (_, make) => {
  const { groups } = neuron().find(await analyseUnits(make()))
  const found = groups as readonly CoupledGroup[]
  expect(found.map(({ units }) => units)).toEqual([4, 3])
  const scored = found.map(({ slices }) => slices.filter(({ scored }) => scored).map(({ id, axis }) => `${id}:${axis}`))
  expect(scored).toEqual([
    ['w1:1', 'r1:1', 'r1:2', 'w2:2'],
    ['w2:1', 'r2:1', 'r2:2', 'v:0'],
  ])
})

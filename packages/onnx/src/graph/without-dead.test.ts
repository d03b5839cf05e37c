import { describe, expect, test } from 'vitest'
import type { Model } from '../model.js'
import { parseText } from '../text/text.js'
import { editGraph, editModel } from './edit.js'
import { makeValueInfo } from './make.js'
import { withoutDead } from './without-dead.js'

/** Two norms that leave outputs out, and a Clip that leaves an input out. */
const model = parseText(
  `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
  g (float[N, 4] x) => (float[N, 4] y) <float[4, 4] w, float[4] g = {1, 1, 1, 1}, float most = {6}> {
    c = Clip(x, , most)
    a, , , r = com.microsoft.SkipSimplifiedLayerNormalization(c, x, g)
    m = MatMul(a, w)
    b, , , s = com.microsoft.SkipSimplifiedLayerNormalization(r, m, g)
    y = Add(b, s)
  }`,
  { w: new Float32Array(16) },
)

const names = ({ graph }: Model) => graph.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== ''))
const giving = (output: string) =>
  editModel(model, { graph: editGraph(model.graph, { outputs: [makeValueInfo({ name: output })] }) })

describe('nodes that leave inputs and outputs out', () => {
  test('keep each other alive no more than others do', () => {
    expect(names(withoutDead(model, giving('r')))).toEqual(['c', 'a', 'r'])
    expect(names(withoutDead(model, giving('c')))).toEqual(['c'])
  })

  test('stay with all that they read', () => {
    const left = withoutDead(model, giving('b'))
    expect(names(left)).toEqual(['c', 'a', 'r', 'm', 'b', 's'])
    expect(left.graph.initializers.map(({ name }) => name)).toEqual(['w', 'g', 'most'])
  })

  test('stay where nothing needed them before either', () => {
    const extra = parseText(`g (float[4] x) => (float[4] y) { d = Clip(x, , ) y = Relu(x) z = Sigmoid(x) }`)
    const cut = editModel(extra, { graph: editGraph(extra.graph, { outputs: [makeValueInfo({ name: 'x' })] }) })
    expect(names(withoutDead(extra, cut))).toEqual(['d', 'z'])
  })
})

test('a cache that nobody reads any more is not written: ONNX Runtime would write it over the past', () => {
  const attention = parseText(`<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    g (float[B, S, 16] x, float[B, 1, P, 4] k, float[B, 1, P, 4] v, int32[B] l, int32[1] t) => (float[B, S, 8] y, float[B, 1, T, 4] pk, float[B, 1, T, 4] pv) {
      y, pk, pv = com.microsoft.GroupQueryAttention <num_heads: int = 2, kv_num_heads: int = 1> (x, , , k, v, l, t)
    }`)
  const alone = (...outputs: string[]) =>
    editModel(attention, {
      graph: editGraph(attention.graph, { outputs: attention.graph.outputs.filter(({ name }) => outputs.includes(name)) }),
    })
  expect(names(withoutDead(attention, alone('y')))).toEqual(['y'])
  expect(names(withoutDead(attention, alone('y', 'pv')))).toEqual(['y', 'pk', 'pv'])
  expect(names(withoutDead(alone('y'), alone('y')))).toEqual(['y', 'pk', 'pv'])
})

// Models, plans and statistics to begin with, and what is done with a model.
import { analyseUnits, findGroups, formatPlan, formatStatistics, makePlan } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import {
  applyStorage,
  expandStorage,
  inferShapes,
  modelBytes,
  parseText,
  planStorage,
  readAll,
  readModel,
  visitNodes,
  withTensors,
} from '@pare/onnx'
import { channel } from '@pare/structure-channel'
import { element } from '@pare/structure-element'
import { head } from '@pare/structure-head'
import { hidden } from '@pare/structure-hidden'
import { neuron } from '@pare/structure-neuron'

const MODEL_TEXT = `<ir_version: 9, opset_import: ["" : 17, "local" : 1]>
  m (float[N, 4] x, bool c) => (float[N, 2] y)
  <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}, int64[1] k = {3}>
  { h = MatMul(x, w)
    s = Constant<value = float {2.5}>()
    m = Mul(h, s)
    y = If (c) <then_branch = t () => (float[N, 2] a) { a = Relu(m) }, else_branch = e () => (float[N, 2] b) { b = local.f(m) }> }
  <domain: "local", opset_import: ["" : 17]> f (p) => (q) { q = Neg(p) }`

export const CONVOLUTIONS = `<ir_version: 9, opset_import: ["" : 17]>
  m (float[N, 3, 8, 8] x) => (float[N, 6] y)
  <float[8, 3, 3, 3] w1, float[8] b1, float[8, 4, 3, 3] w2, float[8, 6] w3, int64[2] shape = {0, -1}>
  { a = Conv<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(x, w1, b1)
    r = Relu(a)
    b = Conv<kernel_shape = [3, 3], pads = [1, 1, 1, 1], group = 2>(r, w2)
    s = Add(a, b)
    p = GlobalAveragePool(s)
    f = Reshape(p, shape)
    y = MatMul(f, w3) }`

export const STACKED = `<ir_version: 9, opset_import: ["" : 17]>
  m (float[N, 6, 8] x) => (float[N, 6, 8] y)
  <float[8, 24] qkv, float[8, 8] out, int64[4] heads = {0, 0, 2, 4}, int64[3] flat = {0, 0, 8}, int64[3] parts = {8, 8, 8}, float[8] g, float[8] b>
  { n = LayerNormalization<axis = -1>(x, g, b)
    a = MatMul(n, qkv)
    q, k, v = Split<axis = 2>(a, parts)
    q1 = Reshape(q, heads)
    k1 = Reshape(k, heads)
    v1 = Reshape(v, heads)
    q2 = Transpose<perm = [0, 2, 1, 3]>(q1)
    k2 = Transpose<perm = [0, 2, 3, 1]>(k1)
    v2 = Transpose<perm = [0, 2, 1, 3]>(v1)
    s = MatMul(q2, k2)
    p = Softmax<axis = -1>(s)
    o = MatMul(p, v2)
    t = Transpose<perm = [0, 2, 1, 3]>(o)
    u = Reshape(t, flat)
    z = MatMul(u, out)
    y = Add(x, z) }`

export const filled = (sizes) =>
  Object.fromEntries(Object.entries(sizes).map(([name, n]) => [name, Float32Array.from({ length: n }, (_, i) => (i % 7) - 3)]))

export const SPARSE = `<ir_version: 9, opset_import: ["" : 17]> m (float[N, 30] x) => (float[N, 21] y) <float[30, 21] w> { y = MatMul(x, w) }`

export const sparse = async (model) => applyStorage(model, await planStorage(model))

export const models = async () => [
  Buffer.from(await modelBytes(parseText(MODEL_TEXT))),
  Buffer.from(await modelBytes(parseText(CONVOLUTIONS, filled({ w1: 216, b1: 8, w2: 288, w3: 48 })))),
  Buffer.from(
    await modelBytes(await sparse(parseText(SPARSE, { w: filled({ w: 630 }).w.map((value, i) => (i % 4 === 0 ? value : 0)) }))),
  ),
  Buffer.from(await modelBytes(parseText(STACKED, filled({ qkv: 192, out: 64, g: 8, b: 8 })))),
]

/** Reads, walks, reads all elements, infers shapes and writes: what is written are the bytes that were read. */
export async function readAndWrite(bytes) {
  const model = await readModel(bytes)
  visitNodes(model, (node, scope) => node.inputs.map((name) => scope.constant(name)))
  const payloads = []
  withTensors(model, (tensor) => {
    payloads.push(readAll(tensor.data))
    return tensor
  })
  const outcomes = await Promise.allSettled(payloads)
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  await inferShapes(model)
  const { graph } = await expandStorage(model)
  for (const { data } of graph.initializers) await readAll(data)
  if (!Buffer.from(await modelBytes(model)).equals(Buffer.from(bytes))) throw new Error('what was written is not what was read')
  return `${model.graph.nodes.length}`
}

export const STRUCTURES = [element(), channel(), neuron(), head(), hidden()]

/** What pare inspect and pare plan do: what can go, and a plan that takes half. */
export async function plan(bytes) {
  const model = await readModel(bytes)
  const analysis = await analyseUnits(model)
  const groups = STRUCTURES.map((structure) => findGroups(structure, analysis).groups.length)
  for (const [i, structure] of STRUCTURES.entries())
    if (groups[i] > 0) await makePlan(model, [{ structure, criterion: magnitude(), target: { ratio: 0.5 } }], { seed: 1 })
  return groups.join()
}

export async function somePlan() {
  const model = parseText(CONVOLUTIONS, filled({ w1: 216, b1: 8, w2: 288, w3: 48 }))
  const made = await makePlan(model, [{ structure: element(), criterion: magnitude(), target: { sparsity: 0.5 } }], { seed: 1 })
  const cut = await makePlan(model, [{ structure: channel(), criterion: magnitude(), target: { ratio: 0.5 } }], {
    seed: 1,
  }).catch(() => made)
  const hash = 'a'.repeat(64)
  const facts = { schemaVersion: 1, kind: 'plan', pare: '0.1.0', seed: 1, model: { sha256: hash, bytes: 4096 } }
  return [made, cut].map(({ steps }) => Buffer.from(formatPlan({ ...facts, steps })))
}

export function someStatistics() {
  const totals = (...values) => ({ rows: 3, values: Float64Array.from(values) })
  const reductions = new Map([
    ['mean:w', 'mean'],
    ['max:w', 'max'],
  ])
  const blocks = [0, 1].map((index) => ({
    level: 0,
    index,
    totals: new Map([
      ['mean:w', totals(1, 2, 3)],
      ['max:w', totals(4, 5, 6)],
    ]),
  }))
  const facts = { schemaVersion: 1, kind: 'statistics', pare: '0.1.0', executionProvider: 'cpu' }
  const hash = 'a'.repeat(64)
  return [
    Buffer.concat(
      formatStatistics({
        ...facts,
        model: { sha256: hash },
        data: { sha256: hash, samples: 512 },
        measured: { reductions, blocks },
      }),
    ),
  ]
}

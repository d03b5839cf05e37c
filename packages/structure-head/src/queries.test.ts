import { analyseUnits, type CoupledGroup } from '@pare/core'
import { type Model, parseText } from '@pare/onnx'
import { testCutStructure } from '@pare/testing'
import { describe, expect, it } from 'vitest'
import { head } from './index.js'

/** Query heads, those of keys and values, and how attention is written, on q, k and v f32[N, T, heads · 2] to z f32[N, T, queries · 2]. */
interface Form {
  readonly queries: number
  readonly shared: number
  readonly nodes: string
  readonly constants?: string
  readonly inputs?: string
  readonly outputs?: string
}

/** Weights from x f32[N, T, 5], and back. */
function attention({ queries, shared, nodes, constants = '', inputs = '', outputs = '' }: Form): Model {
  const [wide, narrow] = [queries * 2, shared * 2]
  return parseText(
    `<ir_version: 10, opset_import: ["" : 23, "com.microsoft" : 1]>
     shared (float[N, T, 5] x${inputs}) => (float[N, T, 3] y${outputs})
     <float[5, ${wide}] wq, float[5, ${narrow}] wk, float[5, ${narrow}] wv, float[${wide}, 3] out,
      int64[4] heads = {0, 0, ${queries}, 2}, int64[4] few = {0, 0, ${shared}, 2}, int64[3] merged = {0, 0, ${wide}},
      int64[5] five = {0, 0, ${shared}, ${queries / shared}, 2}, int64[5] one = {0, 0, ${shared}, 1, 2}${constants}>
     { q = MatMul(x, wq)
       k = MatMul(x, wk)
       v = MatMul(x, wv)
       ${nodes}
       y = MatMul(z, out) }`,
    Object.fromEntries(
      Object.entries({ wq: 5 * wide, wk: 5 * narrow, wv: 5 * narrow, out: 3 * wide }).map(([name, count], salt) => [
        name,
        Float32Array.from({ length: count }, (_, i) => Math.sin(2.3 * i + salt)),
      ]),
    ),
  )
}

const headsFirst = (names: string, target: string) =>
  [...names]
    .map((name) => `${name}4 = Reshape(${name}, ${target})\n ${name}h = Transpose<perm = [0, 2, 1, 3]>(${name}4)`)
    .join('\n')

/** From qh, kr and vr f32[N, heads, T, 2]. */
const MULTIPLY = `kt = Transpose<perm = [0, 1, 3, 2]>(kr)
  s = MatMul(qh, kt)
  p = Softmax<axis = -1>(s)
  m = MatMul(p, vr)
  w = Transpose<perm = [0, 2, 1, 3]>(m)
  z = Reshape(w, merged)`

/** kh and vh, each head again for every query, by `node`. */
const repeated = (node: (name: string) => string) => `${headsFirst('q', 'heads')} ${headsFirst('kv', 'few')}
  kr = ${node('kh')}\n vr = ${node('vh')}\n ${MULTIPLY}`

const expanded = (name: string) => `${name}5 = Reshape(${name}, one)
  ${name}e = Expand(${name}5, copies)\n ${name}m = Reshape(${name}e, heads)\n ${name}r = Transpose<perm = [0, 2, 1, 3]>(${name}m)`

const FORMS: Readonly<Record<string, Form>> = {
  'one key and value, by broadcasting': {
    ...{ queries: 4, shared: 1 },
    nodes: repeated((name) => `Identity(${name})`),
  },
  'one key and value, by Expand': {
    ...{ queries: 4, shared: 1, constants: ', int64[5] copies = {1, 1, 1, 4, 1}' },
    nodes: `${headsFirst('q', 'heads')} ${expanded('k')} ${expanded('v')} ${MULTIPLY}`,
  },
  'two keys and values, by Expand': {
    ...{ queries: 6, shared: 2, constants: ', int64[5] copies = {1, 1, 1, 3, 1}' },
    nodes: `${headsFirst('q', 'heads')} ${expanded('k')} ${expanded('v')} ${MULTIPLY}`,
  },
  'two keys and values, by broadcasting an axis of queries': {
    ...{ queries: 6, shared: 2 },
    nodes: `q5 = Reshape(q, five)\n k5 = Reshape(k, one)\n v5 = Reshape(v, one)
      qh = Transpose<perm = [0, 2, 3, 1, 4]>(q5)\n kt = Transpose<perm = [0, 2, 3, 4, 1]>(k5)\n vh = Transpose<perm = [0, 2, 3, 1, 4]>(v5)
      s = MatMul(qh, kt)\n p = Softmax<axis = -1>(s)\n m = MatMul(p, vh)
      w = Transpose<perm = [0, 3, 1, 2, 4]>(m)\n z = Reshape(w, merged)`,
  },
  'two keys and values, by Tile': {
    ...{ queries: 6, shared: 2, constants: ', int64[4] copies = {1, 3, 1, 1}' },
    nodes: repeated((name) => `Tile(${name}, copies)`),
  },
  'two keys and values, by repeat_interleave': {
    ...{ queries: 6, shared: 2, constants: ', int64[6] copies = {0, 0, 0, 1, 1, 1}' },
    nodes: repeated((name) => `Gather<axis = 1>(${name}, copies)`),
  },
  'Attention of ai.onnx, flat': {
    ...{ queries: 6, shared: 2 },
    nodes: 'z = Attention<q_num_heads = 6, kv_num_heads = 2>(q, k, v)',
  },
  'Attention of ai.onnx, flat, one key and value': {
    ...{ queries: 4, shared: 1 },
    nodes: 'z = Attention<q_num_heads = 4, kv_num_heads = 1>(q, k, v)',
  },
  'Attention of ai.onnx with axes of its own for heads, and a cache': {
    ...{ queries: 6, shared: 2 },
    inputs: ', float[N, 2, past, 2] pk, float[N, 2, past, 2] pv',
    outputs: ', float[N, 2, total, 2] nk, float[N, 2, total, 2] nv',
    nodes: `${headsFirst('q', 'heads')} ${headsFirst('kv', 'few')}
      m, nk, nv = Attention(qh, kh, vh, , pk, pv)\n w = Transpose<perm = [0, 2, 1, 3]>(m)\n z = Reshape(w, merged)`,
  },
  'MultiHeadAttention, with keys and values repeated': {
    ...{ queries: 6, shared: 2, constants: ', int64[5] copies = {1, 1, 1, 3, 1}' },
    nodes: `${['k', 'v'].map((name) => `${name}5 = Reshape(${name}, one)\n ${name}e = Expand(${name}5, copies)\n ${name}r = Reshape(${name}e, merged)`).join('\n')}
      z = com.microsoft.MultiHeadAttention<num_heads = 6>(q, kr, vr)`,
  },
  'two keys and values, with a cache': {
    ...{
      queries: 6,
      shared: 2,
      constants: ', int64[5] copies = {1, 1, 3, 1, 1}, int64[1] two = {2}, int64[4] joined = {0, 6, -1, 2}',
    },
    inputs: ', float[N, 2, past, 2] pk, float[N, 2, past, 2] pv',
    outputs: ', float[N, 2, total, 2] nk, float[N, 2, total, 2] nv',
    nodes: `${headsFirst('q', 'heads')} ${headsFirst('kv', 'few')}
      nk = Concat<axis = 2>(pk, kh)\n nv = Concat<axis = 2>(pv, vh)
      ku = Unsqueeze(nk, two)\n ke = Expand(ku, copies)\n kr = Reshape(ke, joined)
      vu = Unsqueeze(nv, two)\n ve = Expand(vu, copies)\n vr = Reshape(ve, joined)
      ${MULTIPLY}`,
  },
}

/** Sizes are stated: the operator wants them in inputs of its own. */
const operator = (queries: number, shared: number, isPacked: boolean): Model => {
  const [wide, narrow] = [queries * 8, shared * 8]
  const sizes = isPacked
    ? { qkv: 5 * (wide + 2 * narrow), out: 3 * wide }
    : { wq: 5 * wide, wk: 5 * narrow, wv: 5 * narrow, out: 3 * wide }
  const weights = Object.entries(sizes).map(
    ([name, count]) => `float[${name === 'out' ? wide : 5}, ${name === 'out' ? 3 : count / 5}] ${name}`,
  )
  const projected = isPacked ? 'q = MatMul(x, qkv)' : 'q = MatMul(x, wq)\n k = MatMul(x, wk)\n v = MatMul(x, wv)'
  return parseText(
    `<ir_version: 10, opset_import: ["" : 17, "com.microsoft" : 1]>
     operator (float[1, 4, 5] x) => (float[1, 4, 3] y, float[1, ${shared}, 4, 8] nk, float[1, ${shared}, 4, 8] nv)
     <${weights}, int32[1] last = {3}, int32 total = {4}>
     { ${projected}
       z, nk, nv = com.microsoft.GroupQueryAttention<num_heads = ${queries}, kv_num_heads = ${shared}>(q, ${isPacked ? ', ' : 'k, v'}, , , last, total)
       y = MatMul(z, out) }`,
    Object.fromEntries(
      Object.entries(sizes).map(([name, count]) => [
        name,
        Float32Array.from({ length: count }, (_, i) => Math.sin(2.3 * i + count)),
      ]),
    ),
  )
}

const MODELS: Readonly<Record<string, () => Model>> = {
  ...Object.fromEntries(Object.entries(FORMS).map(([name, form]) => [name, () => attention(form)])),
  GroupQueryAttention: () => operator(6, 2, false),
  'GroupQueryAttention, packed': () => operator(6, 2, true),
  'GroupQueryAttention, one key and value': () => operator(4, 1, false),
}

const find = async (model: Model, queries: boolean) => head({ queries }).find(await analyseUnits(model))

describe.each(Object.entries(MODELS))('%s', (name, make) => {
  const isOne = name.includes('one key')
  it('has queries that share keys and values', async () => {
    const { groups } = await find(make(), true)
    expect(groups.map((group) => (group as CoupledGroup).units)).toEqual([isOne ? 4 : 3])
  })
})

testCutStructure(() => head({ queries: true }), { models: MODELS })

describe('which of both is cut', () => {
  it.each([
    ['one key and value, by Expand', [4], []],
    ['two keys and values, by Expand', [2], []],
    // Keys that go out and do not come in are somebody else's: they stay, and their queries may go.
    ['GroupQueryAttention', [3], ["it is an axis of the output 'nk'"]],
  ] as const)('%s', async (name, units, reasons) => {
    const { groups, declined } = await find(MODELS[name]!(), false)
    expect(groups.map((group) => (group as CoupledGroup).units)).toEqual(units)
    expect(declined.map(({ reason }) => reason)).toEqual(reasons)
  })

  it('where queries are asked for, key-value heads that stay are listed', async () => {
    const { declined } = await find(MODELS['two keys and values, by Tile']!(), true)
    expect(declined.map(({ reason }) => reason)).toEqual(['the queries that share it are cut, as queries=true says'])
  })
})

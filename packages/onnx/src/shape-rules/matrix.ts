import { broadcast, type Call, each, type Facts, type Rule, type Rules, shaped } from './rule.js'

/** numpy's matmul: vectors get an axis for the time, the axes in front are broadcast. */
export function matmul(a: readonly number[] | undefined, b: readonly number[] | undefined): readonly number[] | undefined {
  if (a === undefined || b === undefined || a.length === 0 || b.length === 0) return undefined
  const left = a.length === 1 ? [1, a[0]!] : a
  const right = b.length === 1 ? [b[0]!, 1] : b
  if (left.at(-1) !== right.at(-2)) return undefined
  const batch = broadcast(left.slice(0, -2), right.slice(0, -2))
  return batch && [...batch, ...(a.length === 1 ? [] : [left.at(-2)!]), ...(b.length === 1 ? [] : [right.at(-1)!])]
}

function multiplied(a: number, b: number): Rule {
  return (call) => shaped(matmul(call.shape(a), call.shape(b)))
}

function gemm(call: Call): Facts {
  const [a, b] = [call.shape(0), call.shape(1)]
  if (a?.length !== 2 || b?.length !== 2) return []
  return shaped([a[call.int('transA', 0) === 1 ? 1 : 0]!, b[call.int('transB', 0) === 1 ? 0 : 1]!])
}

/** com.microsoft: MatMul with either side transposed, in its last two axes or its first and last but one. */
function fusedMatMul(call: Call): Facts {
  if (call.int('transBatchA', 0) === 1 || call.int('transBatchB', 0) === 1) return []
  const side = (input: number, attribute: string): readonly number[] | undefined => {
    const shape = call.shape(input)
    if (shape === undefined || shape.length < 2 || call.int(attribute, 0) === 0) return shape
    return [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!]
  }
  return shaped(matmul(side(0, 'transA'), side(1, 'transB')))
}

/** com.microsoft: the weight is packed; K and N are attributes. */
function matMulNBits(call: Call): Facts {
  const from = call.shape(0)
  return from === undefined ? [] : shaped([...from.slice(0, -1), call.int('N', Number.NaN)])
}

function einsum(call: Call): Facts {
  const [inputs, output] = call.string('equation', '').replaceAll(' ', '').split('->')
  const terms = inputs!.split(',')
  if (output === undefined || inputs!.includes('.')) return []
  const sizes = new Map<string, number>()
  for (const [i, term] of terms.entries()) {
    const shape = call.shape(i)
    if (shape === undefined || shape.length !== term.length) return []
    for (const [axis, letter] of [...term].entries()) sizes.set(letter, Math.max(sizes.get(letter) ?? 1, shape[axis]!))
  }
  return shaped([...output].map((letter) => sizes.get(letter) ?? Number.NaN))
}

function batchNormalization(call: Call): Facts {
  const scale = { shape: call.shape(1) }
  return [{ shape: call.shape(0) }, scale, scale, scale, scale]
}

/** Mean and inverse deviation keep an axis of size 1 for each normalised one. */
function layerNormalization(call: Call): Facts {
  const from = call.shape(0)
  if (from === undefined) return []
  const axis = call.int('axis', -1)
  const first = axis < 0 ? axis + from.length : axis
  const reduced = { shape: from.map((size, at) => (at < first ? size : 1)) }
  return [{ shape: from }, reduced, reduced]
}

/** y f32[seq, directions, batch, units], y_h and y_c f32[directions, batch, units]; with layout 1 batch stands first. */
function recurrent(call: Call): Facts {
  const [x, weight] = [call.shape(0), call.shape(1)]
  if (x?.length !== 3 || weight === undefined) return []
  const directions = weight[0]!
  const units = call.int('hidden_size', call.shape(2)?.[2] ?? Number.NaN)
  if (Number.isNaN(units)) return []
  if (call.int('layout', 0) === 1) {
    const last = { shape: [x[0]!, directions, units] }
    return [{ shape: [x[0]!, x[1]!, directions, units] }, last, last]
  }
  const last = { shape: [directions, x[1]!, units] }
  return [{ shape: [x[0]!, directions, x[1]!, units] }, last, last]
}

/** ai.onnx 23: q [batch, heads, seq, headDim] or [batch, seq, heads * headDim]. */
function attention(call: Call): Facts {
  const [q, k, v] = [call.shape(0), call.shape(1), call.shape(2)]
  if (q === undefined || k === undefined || v === undefined) return []
  const [queryHeads, keyHeads] = [call.int('q_num_heads', Number.NaN), call.int('kv_num_heads', Number.NaN)]
  const past = call.has(4) ? call.shape(4)?.[2] : 0
  if (past === undefined) return []
  if (q.length === 4) {
    if (k.length !== 4 || v.length !== 4) return []
    const presentKey = { shape: k.with(2, k[2]! + past) }
    return [{ shape: q.with(3, v[3]!) }, presentKey, { shape: v.with(2, v[2]! + past) }]
  }
  if (q.length !== 3 || k.length !== 3 || v.length !== 3 || Number.isNaN(queryHeads + keyHeads)) return []
  const headDim = v[2]! / keyHeads
  const present = (of: readonly number[]): { shape: number[] } => ({
    shape: [of[0]!, keyHeads, of[1]! + past, of[2]! / keyHeads],
  })
  return [{ shape: [q[0]!, q[1]!, queryHeads * headDim] }, present(k), present(v)]
}

function dynamicQuantize(call: Call): Facts {
  return [{ shape: call.shape(0) }, { shape: [] }, { shape: [] }]
}

const lossOf: Rule = (call) => {
  const labels = call.shape(1)
  const loss = call.string('reduction', 'mean') === 'none' ? labels : []
  return [{ shape: loss }, { shape: call.shape(0) }]
}

export const matrix: Rules = {
  ...each('MatMul MatMulInteger', multiplied(0, 1)),
  QLinearMatMul: multiplied(0, 3),
  Gemm: gemm,
  Einsum: einsum,
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  ...each('LSTM GRU RNN', recurrent),
  Attention: attention,
  RotaryEmbedding: (call) => [{ shape: call.shape(0) }],
  DynamicQuantizeLinear: dynamicQuantize,
  SoftmaxCrossEntropyLoss: lossOf,
  NegativeLogLikelihoodLoss: (call) => [lossOf(call)[0]],
  Det: (call) => shaped(call.shape(0)?.slice(0, -2)),
}

/** Query, key and value of com.microsoft's MultiHeadAttention, each f32[batch, seq, units], or packed in the query. */
function multiHeadAttention(call: Call): Facts {
  const [query, value] = [call.shape(0), call.shape(2)]
  const heads = call.int('num_heads', Number.NaN)
  if (query === undefined || Number.isNaN(heads)) return []
  if (query.length === 5) return shaped([query[0]!, query[1]!, query[2]! * query[4]!])
  if (value?.length === 4) return shaped([query[0]!, query[1]!, value[1]! * value[3]!])
  return value?.length === 3 && query.length === 3 ? shaped([query[0]!, query[1]!, value[2]!]) : []
}

/** com.microsoft's Attention: the weight is [units, query + key + value]. */
function packedAttention(call: Call): Facts {
  const [from, weight] = [call.shape(0), call.shape(1)]
  if (from === undefined || weight === undefined) return []
  const sizes = call.ints('qkv_hidden_sizes')
  return shaped([from[0]!, from[1]!, sizes === undefined ? weight[1]! / 3 : sizes[2]!])
}

/** Present keys and values are as long as the past buffer, or as the tokens so far: known only if there is no past. */
function groupQueryAttention(call: Call): Facts {
  const [query, key] = [call.shape(0), call.shape(1)]
  const [heads, keyHeads] = [call.int('num_heads', Number.NaN), call.int('kv_num_heads', Number.NaN)]
  if (query?.length !== 3 || Number.isNaN(heads + keyHeads)) return []
  const isPacked = key === undefined
  if (isPacked && call.has(1)) return []
  return shaped([query[0]!, query[1]!, isPacked ? (query[2]! / (heads + 2 * keyHeads)) * heads : query[2]!])
}

/** The sum of input and skip is output 3. */
const skipNormalization: Rule = (call) => [{ shape: call.shape(0) }, undefined, undefined, { shape: call.shape(0) }]

function embedLayerNormalization(call: Call): Facts {
  const [ids, words] = [call.shape(0), call.shape(2)]
  return ids && words ? [{ shape: [...ids, words[1]!] }, { shape: [ids[0]!] }] : []
}

/** Operators of com.microsoft that ai.onnx has not, or has otherwise. */
export const microsoft: Rules = {
  ...each('FusedMatMul TransposeMatMul', fusedMatMul),
  FusedGemm: gemm,
  ...each('MatMulNBits MatMulBnb4', matMulNBits),
  ...each('MatMulIntegerToFloat DynamicQuantizeMatMul', multiplied(0, 1)),
  MultiHeadAttention: multiHeadAttention,
  Attention: packedAttention,
  GroupQueryAttention: groupQueryAttention,
  ...each('SkipLayerNormalization SkipSimplifiedLayerNormalization', skipNormalization),
  EmbedLayerNormalization: embedLayerNormalization,
  ...each('BiasGelu FastGelu QuickGelu BiasSplitGelu QLinearSigmoid QLinearLeakyRelu QLinearSoftmax', (call) => [
    { shape: call.shape(0) },
  ]),
  QLinearAdd: (call) => binary(call, 0, 3),
  QLinearMul: (call) => binary(call, 0, 3),
  QGemm: (call) => {
    const [a, b] = [call.shape(0), call.shape(3)]
    if (a?.length !== 2 || b?.length !== 2) return []
    return shaped([a[call.int('transA', 0) === 1 ? 1 : 0]!, b[call.int('transB', 0) === 1 ? 0 : 1]!])
  },
}

function binary(call: Call, left: number, right: number): Facts {
  const [a, b] = [call.shape(left), call.shape(right)]
  return a && b ? shaped(broadcast(a, b)) : []
}

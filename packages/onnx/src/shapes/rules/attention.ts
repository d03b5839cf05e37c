import { type Fact, type Facts, type OperatorCall, type ShapeRule, type ShapeRules, shaped } from './rule.js'

// Outputs of attention as one operator: what it makes, then keys and values as they are kept for the next tokens.

/** ai.onnx 23: query f32[batch, heads, seq, headDim] or f32[batch, seq, heads · headDim]; the products of query and key are output 3. */
export function attention(call: OperatorCall): Facts {
  const [q, k, v] = [call.shape(0), call.shape(1), call.shape(2)]
  const past = call.has(4) ? call.shape(4)?.[2] : 0
  if (q === undefined || k === undefined || v === undefined || past === undefined) return []
  if (q.length === 4) return k.length === 4 && v.length === 4 ? attentionOf(q, k, v, past) : []
  const [heads, shared] = [call.int('q_num_heads', 0), call.int('kv_num_heads', 0)]
  if (q.length !== 3 || k.length !== 3 || v.length !== 3 || heads < 1 || shared < 1) return []
  const split = (of: readonly number[], count: number) => [of[0]!, count, of[1]!, of[2]! / count]
  const [, ...kept] = attentionOf(split(q, heads), split(k, shared), split(v, shared), past)
  return [{ shape: [q[0]!, q[1]!, (heads * v[2]!) / shared] }, ...kept]
}

function attentionOf(q: readonly number[], k: readonly number[], v: readonly number[], past: number): Facts {
  const total = k[2]! + past
  return [{ shape: q.with(3, v[3]!) }, { shape: k.with(2, total) }, { shape: v.with(2, total) }, { shape: q.with(3, total) }]
}

/** com.microsoft: query, key and value f32[batch, seq, units], packed in fewer inputs, or key and value f32[batch, heads, seq, headDim]. */
function multiHeadAttention(call: OperatorCall): Facts {
  const query = call.shape(0)
  const heads = call.int('num_heads', Number.NaN)
  const kept = keysAndValues(call, heads)
  if (query === undefined || kept === undefined) return []
  const [batch, seq] = [query[0]!, query[1]!]
  const [out] = shaped([batch, seq, heads * kept.value])
  const past = call.has(6) ? call.shape(6)?.[2] : 0
  if (past === undefined) return [out]
  // With its length as an input, the past is a buffer that is filled.
  const total = call.has(8) ? past : past + kept.seq
  const present = (size: number): Fact => ({ shape: [batch, heads, total, size] })
  return [out, present(kept.key), present(kept.value), { shape: [batch, heads, seq, total] }]
}

/** Their length and the sizes of a head. */
function keysAndValues(call: OperatorCall, heads: number): { seq: number; key: number; value: number } | undefined {
  const [query, key, value] = [call.shape(0), call.shape(1), call.shape(2)]
  if (query?.length === 5) return { seq: query[1]!, key: query[4]!, value: query[4]! }
  if (key?.length === 5) return { seq: key[1]!, key: key[4]!, value: key[4]! }
  if (key?.length === 4 && value?.length === 4) return { seq: key[2]!, key: key[3]!, value: value[3]! }
  if (key?.length !== 3 || value?.length !== 3) return undefined
  return { seq: key[1]!, key: key[2]! / heads, value: value[2]! / heads }
}

/** com.microsoft: the weight is f32[in, query + key + value], the past f32[2, batch, heads, seq, headDim]. */
function packedAttention(call: OperatorCall, pastAt = 4): Facts {
  const [from, weight] = [call.shape(0), call.shape(1)]
  if (from === undefined || weight === undefined) return []
  const third = weight[1]! / 3
  const [, key, value] = call.ints('qkv_hidden_sizes') ?? [third, third, third]
  const [out] = shaped([from[0]!, from[1]!, value!])
  const past = call.has(pastAt) ? call.shape(pastAt)?.[3] : 0
  if (past === undefined || key !== value) return [out]
  const heads = call.int('num_heads', Number.NaN)
  const total = call.int('past_present_share_buffer', 0) === 1 ? past : past + from[1]!
  return [out, ...shaped([2, from[0]!, heads, total, key! / heads])]
}

/** com.microsoft: keys and values are kept as long as the past's buffer, or as all tokens if these are more; their number is input 6, else past and new. */
function groupQueryAttention(call: OperatorCall): Facts {
  const [query, key] = [call.shape(0), call.shape(1)]
  const [heads, shared] = [call.int('num_heads', Number.NaN), call.int('kv_num_heads', Number.NaN)]
  const isPacked = !call.has(1)
  if (query?.length !== 3 || Number.isNaN(heads + shared) || (key === undefined && !isPacked)) return []
  const headDim = query[2]! / (isPacked ? heads + 2 * shared : heads)
  const [out] = shaped([query[0]!, query[1]!, heads * headDim])
  const past = call.has(3) ? call.shape(3)?.[2] : 0
  if (past === undefined) return [out]
  const tokens = call.value(6)?.numbers[0] ?? past + query[1]!
  const [present] = shaped([query[0]!, shared, Math.max(past, tokens), headDim])
  return [out, present, present]
}

const rotaryEmbedding: ShapeRule = (call) => [{ shape: call.shape(0) }]

/** Operators of com.microsoft. */
export const microsoftAttention: ShapeRules = {
  Attention: (call) => packedAttention(call),
  QAttention: (call) => packedAttention(call, 8),
  MultiHeadAttention: multiHeadAttention,
  GroupQueryAttention: groupQueryAttention,
  RotaryEmbedding: rotaryEmbedding,
}

import type { Value } from './graph-text.test.support.js'
import { linear, type Transformer } from './linear.test.support.js'

/** Attention in one node. */
export function fusedAttention(t: Transformer, x: Value): Value {
  const { g, choices, width } = t
  const shared = choices.int(1, 3)
  const headDim = choices.pick([2, 4])
  const way = choices.int(0, g.opset >= 23 ? 2 : 1)
  if (way === 0) return linear(t, packed(t, x, shared, headDim), width)
  const queries = way === 2 ? shared * choices.int(1, 3) : shared
  const [q, k, v] = [queries, shared, shared].map((count) => linear(t, x, count * headDim))
  const shape = [-1, -1, queries * headDim]
  if (way === 2) {
    const made = g.node('Attention', [q, k, v], shape, `q_num_heads = ${queries}, kv_num_heads = ${shared}`)
    return linear(t, choices.chance(0.3) ? acrossHeads(t, made) : made, width)
  }
  const bias = choices.chance(0.5) ? g.weight([3 * shared * headDim]) : undefined
  return linear(t, g.node('com.microsoft.MultiHeadAttention', [q, k, v, bias], shape, `num_heads = ${shared}`), width)
}

/** Query, key and value from one weight within the node; values may be of another size. */
function packed({ g, choices }: Transformer, x: Value, heads: number, headDim: number): Value {
  const inputs = x.shape.at(-1)!
  const [key, value] = [heads * headDim, heads * (choices.chance(0.5) ? headDim : headDim + 1)]
  const w = g.weight([inputs, 2 * key + value])
  const sizes = key === value && choices.chance(0.5) ? '' : `, qkv_hidden_sizes = [${key}, ${key}, ${value}]`
  return g.node('com.microsoft.Attention', [x, w, g.weight([2 * key + value])], [-1, -1, value], `num_heads = ${heads}${sizes}`)
}

/** A norm over all heads at once. */
function acrossHeads({ g }: Transformer, x: Value): Value {
  return g.node('RMSNormalization', [x, g.weight([x.shape.at(-1)!], 1)], x.shape)
}

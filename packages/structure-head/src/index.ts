import { cutStructure, type Structure } from '@pare/core'

/**
 * Heads of multi-head, grouped-query and multi-query attention: made by a weight, and multiplied apart in a product of activations. With shared keys and
 * values a unit is a key-value head with all its queries; copies of a key-value head are no heads of their own. The factor 1/√d stays: what is inside a
 * head does not change.
 */
export const head = (): Structure =>
  cutStructure({
    name: 'head',
    counts: [
      ...['num_attention_heads', 'num_key_value_heads', 'num_heads', 'num_kv_heads', 'n_head', 'n_heads'],
      ...['encoder_attention_heads', 'decoder_attention_heads'],
    ],
    candidates: ({ coupled }) =>
      coupled.filter(({ roles }) => roles.has('batch') && roles.has('matmul-out') && !roles.has('repeat')),
    refuse: ({ roles }) =>
      roles.has('norm') ? 'a normalisation takes statistics over all heads: removing one would change the others' : undefined,
  })

export default head

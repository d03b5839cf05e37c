import type { Numbers } from '@pare/metric'
import type { Batch } from '../data/dataset.js'
import { type NdArray, numbersOf } from '../data/ndarray.js'

/** Whether each token is to be predicted: it and the token before it count. */
export function scoredTokens({ scored, inputs }: Batch, ids: NdArray): Numbers {
  if (scored) return numbersOf(scored)
  const mask = inputs.attention_mask && numbersOf(inputs.attention_mask)
  const seq = ids.shape[1]!
  return Float32Array.from({ length: ids.data.length }, (_, i) =>
    Number(i % seq > 0 && (!mask || (mask[i] !== 0 && mask[i - 1] !== 0))),
  )
}

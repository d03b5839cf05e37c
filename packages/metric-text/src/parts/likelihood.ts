import { type MetricSample, negativeLogLikelihood } from '@pare/metric'

/** Sum of −log p(token t | tokens before t) over the scored tokens, and their number. Row t − 1 predicts token t. */
export function likelihoodOfTokens({ rows, tokens, scored, scale }: MetricSample): [number, number] {
  let total = 0
  let count = 0
  for (let t = 1; t < rows.length; t++) {
    if (scored && !scored[t]) continue
    total += negativeLogLikelihood(rows[t - 1]!, tokens![t]!, scale)
    count++
  }
  return [total, count]
}

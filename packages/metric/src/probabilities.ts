import type { MetricSample, Numbers, Scale } from './contract.js'
import { logSumExp } from './scores.js'

/** Probabilities of a row of scores: as they are, or their softmax. */
export function probabilitiesOf(row: Numbers, scale: Scale): Numbers {
  if (scale === 'probabilities') return row
  const offset = logSumExp(row)
  return Float64Array.from(row, (score) => Math.exp(score - offset))
}

/** Probability of each label where there are several at once: as they are, or each one's sigmoid. */
export function chancesOf(row: Numbers, scale: Scale): Numbers {
  return scale === 'probabilities' ? row : Float64Array.from(row, (score) => 1 / (1 + Math.exp(-score)))
}

/** Which labels a model gives where there may be several: those that are more likely than not. NaN where a score is NaN. */
export function chosenOf({ rows, scale }: Pick<MetricSample, 'rows' | 'scale'>): Numbers {
  const threshold = scale === 'probabilities' ? 0.5 : 0
  return Float64Array.from(rows[0]!, (score) => (Number.isNaN(score) ? Number.NaN : Number(score > threshold)))
}

/** log(1 + exp(x)), without overflow. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}

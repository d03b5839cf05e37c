import type { Numbers, Scale } from './contract.js'

/** How far the sum of a row of probabilities may be from 1, f16 included. */
const SUM_TOLERANCE = 1e-2

/** How many classes score higher than the given one; of equals the first ranks higher. NaN where a score is NaN. */
export function rankOf(scores: Numbers, label: number): number {
  const own = scores[label]!
  let rank = 0
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!
    if (Number.isNaN(score)) return Number.NaN
    if (score > own || (score === own && i < label)) rank++
  }
  return rank
}

/** The class that scores highest, the first of equals. NaN where a score is NaN. */
export function bestOf(scores: Numbers): number {
  let best = 0
  for (let i = 0; i < scores.length; i++) {
    if (Number.isNaN(scores[i])) return Number.NaN
    if (scores[i]! > scores[best]!) best = i
  }
  return best
}

/** log Σ exp(score): what is subtracted from logits to make them log-probabilities. NaN where a score is NaN or +Infinity. */
export function logSumExp(scores: Numbers): number {
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < scores.length; i++) if (scores[i]! > max) max = scores[i]!
  let sum = 0
  for (let i = 0; i < scores.length; i++) sum += Math.exp(scores[i]! - max)
  return max + Math.log(sum)
}

/** −log p(label). */
export function negativeLogLikelihood(scores: Numbers, label: number, scale: Scale): number {
  return scale === 'logits' ? logSumExp(scores) - scores[label]! : -logOf(scores[label]!)
}

/** Log of a probability. One that an f32 softmax rounded to 0 counts as the smallest normal f32, 2⁻¹²⁶. */
function logOf(probability: number): number {
  return Math.log(Math.max(probability, 2 ** -126))
}

/** KL(p ‖ q) = Σ p (log p − log q), p being the reference's distribution. */
export function divergence(reference: Numbers, scores: Numbers, scale: Scale): number {
  const logits = scale === 'logits'
  const offsetP = logits ? logSumExp(reference) : 0
  const offsetQ = logits ? logSumExp(scores) : 0
  let sum = 0
  for (let i = 0; i < scores.length; i++) {
    const logP = logits ? reference[i]! - offsetP : logOf(reference[i]!)
    const logQ = logits ? scores[i]! - offsetQ : logOf(scores[i]!)
    if (logP !== Number.NEGATIVE_INFINITY) sum += Math.exp(logP) * (logP - logQ)
  }
  // Rounding can leave a tiny negative sum for equal distributions.
  return Math.max(sum, 0)
}

/** Whether the row is a distribution: all between 0 and 1, sum 1. */
export function isDistribution(scores: Numbers): boolean {
  let sum = 0
  for (let i = 0; i < scores.length; i++) {
    if (!(scores[i]! >= 0 && scores[i]! <= 1)) return false
    sum += scores[i]!
  }
  return Math.abs(sum - 1) <= SUM_TOLERANCE
}

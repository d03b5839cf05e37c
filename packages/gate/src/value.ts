import { macroF1 } from './f1.js'
import type { PerSample } from './measurement.js'

/** A metric's value from its samples. NaN where there are none. */
export function valueFrom(samples: PerSample): number {
  switch (samples.kind) {
    case 'proportion':
      return sum(samples.correct) / samples.correct.length
    case 'mean':
      return sum(samples.values) / samples.values.length
    case 'perplexity':
      return Math.exp(sum(samples.sums) / sum(samples.counts))
    case 'f1':
      return macroF1(samples.label, samples.predicted)
    default:
      return samples satisfies never
  }
}

function sum(values: readonly number[]): number {
  let total = 0
  for (const value of values) total += value
  return total
}

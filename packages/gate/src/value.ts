import { macroF1 } from './f1.js'
import type { Aggregate, PerSample } from './measurement.js'

/** A metric's value from its samples. NaN where there are none. Of records by the metric's own `aggregate`, without which they have none. */
export function valueFrom(samples: PerSample, aggregate?: Aggregate): number {
  switch (samples.kind) {
    case 'proportion':
      return sum(samples.correct) / samples.correct.length
    case 'mean':
      return sum(samples.values) / samples.values.length
    case 'perplexity':
      return Math.exp(sum(samples.sums) / sum(samples.counts))
    case 'ratio':
      return sum(samples.sums) / sum(samples.counts)
    case 'records':
      return aggregate === undefined ? Number.NaN : aggregate(samples.records)
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

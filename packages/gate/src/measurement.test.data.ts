import type { Measurement } from './measurement.js'

/** Accuracy over n samples of which those in `wrong` (first, one past the last) are wrong. */
export function accuracy(n: number, [first, end]: readonly [number, number]): Measurement {
  const correct = Array.from({ length: n }, (_, i) => Number(i < first || i >= end))
  return {
    metric: 'accuracy',
    value: (n - (end - first)) / n,
    better: 'higher',
    bounded: true,
    samples: { kind: 'proportion', correct },
  }
}

/** A mean that is worse when larger. */
export function mse(values: readonly number[]): Measurement {
  const value = values.reduce((a, b) => a + b, 0) / values.length
  return { metric: 'mse', value, better: 'lower', bounded: false, samples: { kind: 'mean', values } }
}

export function perplexity(sums: readonly number[], counts: readonly number[]): Measurement {
  const value = Math.exp(sums.reduce((a, b) => a + b, 0) / counts.reduce((a, b) => a + b, 0))
  return { metric: 'perplexity', value, better: 'lower', bounded: false, samples: { kind: 'perplexity', sums, counts } }
}

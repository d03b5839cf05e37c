import { defineMetric, divergence } from '@pare/metric'

export const kl = defineMetric({
  name: 'kl',
  formula: 'mean over samples, or over places in them, of Σ p·(log p − log q), p the reference model’s probabilities',
  create: () => ({
    better: 'lower',
    bounded: false,
    needs: { read: 'scores', against: 'reference' },
    of({ rows, reference, scale, isSingle }) {
      let total = 0
      for (const [i, row] of rows.entries()) total += divergence(reference[i]!, row, scale)
      return isSingle ? total : [total, rows.length]
    },
    combine: 'mean',
  }),
})

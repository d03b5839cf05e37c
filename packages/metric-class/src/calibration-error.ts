import { defineMetric, probabilitiesOf, z } from '@pare/metric'

export const calibrationError = defineMetric({
  name: 'calibration-error',
  formula: 'Σ over equal bins of the best class’s probability: share of samples · |accuracy − mean probability|',
  options: { bins: z.int().min(1).default(15).describe('how many bins') },
  create: ({ bins }) => ({
    better: 'lower',
    bounded: true,
    needs: { read: 'scores', against: 'class' },
    /** For each place the probability of its best class, and whether it is right. */
    of: ({ rows, answers, label, scale }) =>
      rows.flatMap((row, i) =>
        Number.isNaN(answers[i]!) ? [Number.NaN] : [probabilitiesOf(row, scale)[answers[i]!]!, Number(answers[i] === label[i])],
      ),
    combine(records, weights) {
      const sums = new Float64Array(bins)
      let total = 0
      for (const [i, record] of records.entries()) {
        const weight = weights?.[i] ?? 1
        for (let at = 0; at < record.length; at += 2) {
          const bin = Math.min(bins - 1, Math.max(0, Math.ceil(record[at]! * bins) - 1))
          sums[bin]! += weight * (record[at + 1]! - record[at]!)
          total += weight
        }
      }
      return sums.reduce((error, sum) => error + Math.abs(sum), 0) / total
    },
  }),
})

import { classShares, commonestClasses, defineMetric, rankOf, z } from '@pare/metric'
import { PareError } from '@pare/onnx'

export const topK = defineMetric({
  name: 'top-k',
  formula: 'share of samples, or of places in them, whose label is among the k best classes',
  options: {
    k: z
      .int()
      .min(1)
      .describe('among how many classes the label must be; top-5 is short for top-k:k=5')
      .meta({ examples: [5] }),
  },
  create: ({ k }) => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'scores', against: 'class' },
    of({ rows, label, isSingle, classes }) {
      if (k >= classes) throw alwaysRight(k, classes)
      let right = 0
      for (const [i, row] of rows.entries()) {
        const rank = rankOf(row, label[i]!)
        if (Number.isNaN(rank)) return rank
        if (rank < k) right++
      }
      return isSingle ? right : [right, rows.length]
    },
    combine: 'proportion',
    blind: classShares(commonestClasses(k)),
  }),
})

function alwaysRight(k: number, classes: number): PareError {
  return new PareError(`metric 'top-${k}': the model has ${classes} classes, so the label is always among the ${k} best.`, {
    hint: classes > 2 ? `measure accuracy, or top-${Math.min(5, classes - 1)}.` : 'measure accuracy.',
  })
}

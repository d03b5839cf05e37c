import { classShares, commonestClasses, countOption, type Metric, type MetricOptions, rankOf } from '@pare/metric'
import { PareError } from '@pare/onnx'

export function topK(options: MetricOptions = {}): Metric {
  const k = countOption(options, 'k')
  return {
    name: 'top-k',
    formula: 'share of samples, or of places in them, whose label is among the k best classes',
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
  }
}

function alwaysRight(k: number, classes: number): PareError {
  return new PareError(`metric 'top-${k}': the model has ${classes} classes, so the label is always among the ${k} best.`, {
    hint: classes > 2 ? `measure accuracy, or top-${Math.min(5, classes - 1)}.` : 'measure accuracy.',
  })
}

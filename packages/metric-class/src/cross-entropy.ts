import { classShares, defineMetric, type MetricSample, negativeLogLikelihood, softplus } from '@pare/metric'

export const crossEntropy = defineMetric({
  name: 'cross-entropy',
  formula: 'mean of −log p(label); of several labels at once, mean over them',
  create: () => ({
    better: 'lower',
    bounded: false,
    needs: { read: 'scores', against: 'class', many: true },
    of(sample) {
      if (sample.isMany) return ofLabels(sample)
      const { rows, label, scale, isSingle } = sample
      let total = 0
      for (const [i, row] of rows.entries()) total += negativeLogLikelihood(row, label[i]!, scale)
      return isSingle ? total : [total, rows.length]
    },
    combine: 'mean',
    blind: classShares(),
  }),
})

/** −log of a sigmoid is softplus(−x), of what is left to 1 softplus(x). A probability of 0 counts as the smallest normal f32, 2⁻¹²⁶. */
function ofLabels({ rows, label, scale }: MetricSample): number {
  let total = 0
  const [row] = rows
  for (let i = 0; i < row!.length; i++) {
    const score = row![i]!
    const isIn = label[i] === 1
    if (scale === 'logits') total += softplus(isIn ? -score : score)
    else total -= Math.log(Math.max(isIn ? score : 1 - score, 2 ** -126))
  }
  return total / row!.length
}

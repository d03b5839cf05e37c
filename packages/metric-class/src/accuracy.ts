import { classShares, commonestClasses, type Metric } from '@pare/metric'

export function accuracy(): Metric {
  return {
    name: 'accuracy',
    formula: 'share of samples, or of places in them, whose best class is the label',
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'class' },
    of({ answers, label, isSingle }) {
      let right = 0
      for (let i = 0; i < answers.length; i++) {
        if (Number.isNaN(answers[i]!)) return Number.NaN
        if (answers[i] === label[i]) right++
      }
      return isSingle ? right : [right, answers.length]
    },
    combine: 'proportion',
    blind: classShares(commonestClasses(1)),
  }
}

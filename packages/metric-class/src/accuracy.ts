import { classShares, commonestClasses, defineMetric } from '@pare/metric'

export const accuracy = defineMetric({
  name: 'accuracy',
  formula: 'share of samples, or of places in them, whose best class is the label',
  create: () => ({
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
  }),
})

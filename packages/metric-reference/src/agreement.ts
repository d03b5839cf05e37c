import { commonestAnswer, defineMetric } from '@pare/metric'

export const agreement = defineMetric({
  name: 'agreement',
  formula: 'share of samples, or of places in them, whose best class is that of the reference model',
  create: () => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'reference' },
    of({ answers, referenceAnswers, isSingle }) {
      let same = 0
      for (let i = 0; i < answers.length; i++) {
        if (Number.isNaN(answers[i]! + referenceAnswers[i]!)) return Number.NaN
        if (answers[i] === referenceAnswers[i]) same++
      }
      return isSingle ? same : [same, answers.length]
    },
    combine: 'proportion',
    blind: commonestAnswer,
  }),
})

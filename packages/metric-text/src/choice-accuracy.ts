import { classShares, commonestChoice, defineMetric, z } from '@pare/metric'

export const choiceAccuracy = defineMetric({
  name: 'choice-accuracy',
  formula: formulaOf('choice'),
  options: {
    per: z
      .enum(['choice', 'byte', 'character', 'token'])
      .default('choice')
      .describe('what the log-probability of a choice is divided by: nothing, or its length'),
  },
  create: ({ per }) => ({
    formula: formulaOf(per),
    better: 'higher',
    bounded: true,
    needs: { read: 'choices', against: 'class', per },
    of: ({ answers, label }) => (Number.isNaN(answers[0]!) ? Number.NaN : Number(answers[0] === label[0])),
    combine: 'proportion',
    blind: classShares(commonestChoice),
  }),
})

function formulaOf(per: string): string {
  return `share of questions whose likeliest choice is the right one, by Σ log p(token | question, tokens before it)${per === 'choice' ? '' : ` ÷ ${per}s`} of each choice`
}

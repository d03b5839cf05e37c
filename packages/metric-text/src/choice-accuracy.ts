import { choiceOption, classShares, commonestChoice, type Metric, type MetricOptions } from '@pare/metric'

export function choiceAccuracy(options: MetricOptions = {}): Metric {
  const per = choiceOption(options, 'per', ['choice', 'byte', 'character', 'token'])
  return {
    name: 'choice-accuracy',
    formula: `share of questions whose likeliest choice is the right one, by Σ log p(token | question, tokens before it)${per === 'choice' ? '' : ` ÷ ${per}s`} of each choice`,
    better: 'higher',
    bounded: true,
    needs: { read: 'choices', against: 'class', per },
    of: ({ answers, label }) => (Number.isNaN(answers[0]!) ? Number.NaN : Number(answers[0] === label[0])),
    combine: 'proportion',
    blind: classShares(commonestChoice),
  }
}

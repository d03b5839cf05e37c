import type { MetricSample } from '@pare/metric'
import { classSamples, metricValue, missingPython, python, testMetric } from '@pare/testing'
import { expect, test } from 'vitest'
import { agreement } from './agreement.js'
import { kl } from './kl.js'

const samples = classSamples()
const same = (some: readonly MetricSample[]) =>
  some.filter(({ answers, referenceAnswers }) => answers[0] === referenceAnswers[0]).length / some.length

testMetric(agreement, { samples, value: same })
testMetric(kl, { samples })
for (const make of [agreement, kl]) testMetric(make, { samples: classSamples({ places: 3 }) })

test.skipIf(missingPython() !== undefined)('divergence is SciPy’s entropy of one distribution relative to the other', () => {
  const given = { q: samples.map(({ rows }) => rows[0]), p: samples.map(({ reference }) => reference[0]) }
  const value = python(
    `from scipy.stats import entropy
from scipy.special import softmax
result = float(np.mean(entropy(softmax(np.array(given['p']), 1), softmax(np.array(given['q']), 1), axis=1)))`,
    given,
  )
  expect(metricValue(kl(), samples)).toBeCloseTo(value as number, 9)
})

test('each place counts the same, in a long sample as in a short one', () => {
  const [long, short] = [classSamples({ places: 9, samples: 1, seed: 2 }), classSamples({ places: 1, samples: 1, seed: 3 })]
  const [one, other] = [long[0]!, { ...short[0]!, isSingle: false }]
  for (const metric of [kl(), agreement()]) {
    const [a, b] = [metricValue(metric, [one]), metricValue(metric, [other])]
    expect(metricValue(metric, [one, other])).toBeCloseTo((9 * a + b) / 10, 12)
  }
  // One class at each of many places is a sample for itself, which the gate judges exactly.
  expect(kl().of(short[0]!)).toBeTypeOf('number')
})

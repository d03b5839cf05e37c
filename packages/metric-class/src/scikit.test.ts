import type { Metric, MetricSample } from '@pare/metric'
import { classSamples, manyLabelSamples, metricValue, missingPython, python } from '@pare/testing'
import { describe, expect, test } from 'vitest'
import { accuracy } from './accuracy.js'
import { auc } from './auc.js'
import { averagePrecision } from './average-precision.js'
import { balancedAccuracy } from './balanced-accuracy.js'
import { brier } from './brier.js'
import { calibrationError } from './calibration-error.js'
import { crossEntropy } from './cross-entropy.js'
import { f1 } from './f1.js'
import { precision } from './precision.js'
import { recall } from './recall.js'
import { topK } from './top-k.js'

const averages = ['macro', 'micro', 'weighted'] as const

/** Of one class a sample: what scikit-learn calls it, `y` being the labels, `p` the probabilities and `a` the best classes. */
const ONE: readonly (readonly [string, Metric, string])[] = [
  ['accuracy', accuracy(), 'accuracy_score(y, a)'],
  ['top-2', topK({ k: 2 }), 'top_k_accuracy_score(y, p, k=2, labels=range(4))'],
  ['balanced-accuracy', balancedAccuracy(), 'balanced_accuracy_score(y, a)'],
  ['cross-entropy', crossEntropy(), 'log_loss(y, p, labels=range(4))'],
  ['auc', auc(), "roc_auc_score(y, p, multi_class='ovr', average='macro')"],
  ['average-precision', averagePrecision(), 'np.mean([average_precision_score(y == c, p[:, c]) for c in range(4)])'],
  ['brier', brier(), 'np.mean(np.sum((p - np.eye(4)[y]) ** 2, axis=1)) / 2'],
  ...averages.flatMap((average) => [
    [`f1 ${average}`, f1({ average }), `f1_score(y, a, average='${average}', zero_division=0)`] as const,
    [`precision ${average}`, precision({ average }), `precision_score(y, a, average='${average}', zero_division=0)`] as const,
    [`recall ${average}`, recall({ average }), `recall_score(y, a, average='${average}', zero_division=0)`] as const,
  ]),
  ['f1 of class 2', f1({ average: 'binary', positive: 2 }), "f1_score(y == 2, a == 2, average='binary', zero_division=0)"],
  [
    'calibration-error',
    calibrationError(),
    // Guo et al. 2017: bins (b ÷ 15, (b + 1) ÷ 15].
    'sum(abs(np.sum((a == y)[m]) - np.sum(c[m])) for c in [p.max(1)] for b in range(15) for m in [(c > b / 15) & (c <= (b + 1) / 15)]) / len(y)',
  ],
]

/** Of two classes: `s` is the probability of the second. */
const TWO: readonly (readonly [string, Metric, string])[] = [
  ['auc', auc(), 'roc_auc_score(y, s)'],
  ['average-precision', averagePrecision(), 'average_precision_score(y, s)'],
  ['brier', brier(), 'brier_score_loss(y, s)'],
  ['f1 binary', f1({ average: 'binary' }), 'f1_score(y, a)'],
]

/** Of several labels at once: `y` 0 and 1 of each, `p` their sigmoids, `a` those above ½. */
const MANY: readonly (readonly [string, Metric, string])[] = [
  ...averages.map((average) => [`f1 ${average}`, f1({ average }), `f1_score(y, a, average='${average}')`] as const),
  ['precision', precision(), "precision_score(y, a, average='macro')"],
  ['recall', recall(), "recall_score(y, a, average='macro')"],
  ['auc', auc(), "roc_auc_score(y, p, average='macro')"],
  ['average-precision', averagePrecision(), "average_precision_score(y, p, average='macro')"],
  ['cross-entropy', crossEntropy(), 'np.mean([log_loss(y[:, c], p[:, c]) for c in range(4)])'],
  ['brier', brier(), 'np.mean((p - y) ** 2)'],
]

const IMPORTS = 'from sklearn.metrics import *'
const SOFTMAX = `z = np.array(given['rows']); p = np.exp(z - z.max(1, keepdims=True)); p /= p.sum(1, keepdims=True)
y = np.array(given['label']).astype(int).ravel(); a = z.argmax(1); s = p[:, 1]`
const SIGMOID = `z = np.array(given['rows']); p = 1 / (1 + np.exp(-z)); y = np.array(given['label']).astype(int); a = (p > 0.5).astype(int)`

function expected(cases: readonly (readonly [string, Metric, string])[], setup: string, samples: readonly MetricSample[]) {
  const given = { rows: samples.map(({ rows }) => rows[0]), label: samples.map(({ label }) => label) }
  const values = cases.map(([, , code]) => `float(${code})`).join(', ')
  return python(`${IMPORTS}\n${setup}\nresult = [${values}]`, given) as readonly number[]
}

describe.skipIf(missingPython() !== undefined)('the same as scikit-learn', () => {
  test.each([
    ['one class', ONE, SOFTMAX, classSamples({ samples: 200 })],
    ['two classes', TWO, SOFTMAX, classSamples({ samples: 200, classes: 2, seed: 2 })],
    ['several labels', MANY, SIGMOID, manyLabelSamples({ samples: 200, seed: 3 })],
  ])('%s', (_, cases, setup, samples) => {
    const values = expected(cases, setup, samples)
    for (const [i, [name, metric]] of cases.entries()) {
      expect({ name, value: metricValue(metric, samples) }).toEqual({ name, value: expect.closeTo(values[i]!, 9) })
    }
  })

  test('equal scores are shared as scikit-learn shares them', () => {
    const samples = classSamples({ samples: 100, classes: 2, seed: 4 }).map((sample) => ({
      ...sample,
      // Of (0, z) the probabilities of equal z are equal to the last bit.
      rows: sample.rows.map((row) => Float64Array.of(0, Math.round(row[1]!))),
    }))
    const values = expected(TWO.slice(0, 2), SOFTMAX, samples)
    expect(TWO.slice(0, 2).map(([, metric]) => metricValue(metric, samples))).toEqual(
      values.map((value) => expect.closeTo(value, 9)),
    )
  })
})

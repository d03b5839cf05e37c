import type { MetricSample } from '@pare/metric'
import { classSamples, manyLabelSamples, testMetric } from '@pare/testing'
import { accuracy } from './accuracy.js'
import { auc } from './auc.js'
import { averagePrecision } from './average-precision.js'
import { balancedAccuracy } from './balanced-accuracy.js'
import { brier } from './brier.js'
import { calibrationError } from './calibration-error.js'
import { crossEntropy } from './cross-entropy.js'
import { f1 } from './f1.js'
import { logLoss } from './log-loss.js'
import { precision } from './precision.js'
import { recall } from './recall.js'
import { topK } from './top-k.js'

const samples = classSamples()
const share = (right: (sample: MetricSample) => boolean) => (some: readonly MetricSample[]) =>
  some.filter(right).length / some.length

testMetric(accuracy, { samples, value: share(({ answers, label }) => answers[0] === label[0]) })
testMetric(() => topK({ k: 2 }), {
  samples,
  value: share(({ rows: [row], label }) => row!.filter((score) => score > row![label[0]!]!).length < 2),
})
for (const make of [balancedAccuracy, f1, precision, recall, auc, averagePrecision]) testMetric(make, { samples })
for (const make of [crossEntropy, logLoss, brier, calibrationError]) testMetric(make, { samples })

// Of sequences, and of several labels at once.
for (const make of [accuracy, balancedAccuracy, f1, crossEntropy, brier])
  testMetric(make, { samples: classSamples({ places: 3 }) })
for (const make of [f1, precision, recall, auc, averagePrecision, crossEntropy, brier])
  testMetric(make, { samples: manyLabelSamples() })
for (const average of ['micro', 'weighted', 'binary'] as const) testMetric(() => f1({ average }), { samples })

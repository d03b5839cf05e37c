import type { Metric } from '@pare/metric'
import { crossEntropy } from './cross-entropy.js'

/** Scikit-learn's name for cross-entropy. */
export function logLoss(): Metric {
  return { ...crossEntropy(), name: 'log-loss', formula: 'the same as cross-entropy' }
}

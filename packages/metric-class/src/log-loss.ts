import { defineMetric } from '@pare/metric'
import { crossEntropy } from './cross-entropy.js'

/** Scikit-learn's name for cross-entropy. */
export const logLoss = defineMetric({
  name: 'log-loss',
  formula: 'the same as cross-entropy',
  create: () => ({ ...crossEntropy(), formula: 'the same as cross-entropy' }),
})

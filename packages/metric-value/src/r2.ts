import { meanTarget } from '@pare/metric'
import { columnMetric, weightedMean } from './parts/columns.js'

export const r2 = columnMetric(
  { name: 'r2', formula: '1 − Σ (label − output)² ÷ Σ (label − mean label)²', blind: meanTarget },
  ({ outputs, targets, weights }) => {
    const centre = weightedMean(targets, weights)
    let [residual, total] = [0, 0]
    for (const [i, weight] of weights.entries()) {
      residual += weight * (targets[i]! - outputs[i]!) ** 2
      total += weight * (targets[i]! - centre) ** 2
    }
    return 1 - residual / total
  },
)

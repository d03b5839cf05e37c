import { type Metric, type MetricOptions, meanTarget } from '@pare/metric'
import { columnMetric, weightedMean } from './parts/columns.js'

export function r2(options: MetricOptions = {}): Metric {
  const metric = columnMetric(
    { name: 'r2', formula: '1 − Σ (label − output)² ÷ Σ (label − mean label)²' },
    ({ outputs, targets, weights }) => {
      const centre = weightedMean(targets, weights)
      let [residual, total] = [0, 0]
      for (const [i, weight] of weights.entries()) {
        residual += weight * (targets[i]! - outputs[i]!) ** 2
        total += weight * (targets[i]! - centre) ** 2
      }
      return 1 - residual / total
    },
    options,
  )
  return metric.needs.against === 'values' ? { ...metric, blind: meanTarget } : metric
}

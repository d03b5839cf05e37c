import type { Metric, MetricOptions } from '@pare/metric'
import { columnMetric, correlation } from './parts/columns.js'

export function pearson(options: MetricOptions = {}): Metric {
  return columnMetric({ name: 'pearson', formula: 'correlation of outputs and labels over all samples' }, correlation, options)
}

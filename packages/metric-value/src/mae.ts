import type { Metric, MetricOptions } from '@pare/metric'
import { meanLoss } from './parts/mean-loss.js'

export function mae(options: MetricOptions = {}): Metric {
  return meanLoss({ name: 'mae', formula: 'mean of |output − label|', middle: 'median' }, Math.abs, options)
}

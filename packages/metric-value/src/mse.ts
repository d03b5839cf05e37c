import type { Metric, MetricOptions } from '@pare/metric'
import { meanLoss } from './parts/mean-loss.js'

export function mse(options: MetricOptions = {}): Metric {
  const words = { name: 'mse', formula: 'mean of (output − label)²', middle: 'mean' } as const
  return meanLoss(words, (difference) => difference * difference, options)
}

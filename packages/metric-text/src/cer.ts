import type { Metric } from '@pare/metric'
import { errorRate } from './parts/error-rate.js'

export function cer(): Metric {
  return errorRate({ name: 'cer', formula: 'characters to insert, delete or replace ÷ characters expected' }, (text) => [...text])
}

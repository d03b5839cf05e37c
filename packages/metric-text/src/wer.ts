import type { Metric } from '@pare/metric'
import { wordsOf } from './parts/distance.js'
import { errorRate } from './parts/error-rate.js'

export function wer(): Metric {
  return errorRate({ name: 'wer', formula: 'words to insert, delete or replace ÷ words expected' }, wordsOf)
}

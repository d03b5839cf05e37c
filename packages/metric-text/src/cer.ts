import { errorRate } from './parts/error-rate.js'

export const cer = errorRate(
  { name: 'cer', formula: 'characters to insert, delete or replace ÷ characters expected' },
  (text) => [...text],
)

import { meanLoss } from './parts/mean-loss.js'

export const mse = meanLoss(
  { name: 'mse', formula: 'mean of (output − label)²', middle: 'mean' },
  (difference) => difference ** 2,
)

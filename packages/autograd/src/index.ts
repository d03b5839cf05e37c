export { inBlocks } from './blocked.js'
export { type DifferentiationOptions, type Gradient, gradient, NoGradient } from './gradient.js'
export { type Loss, type LossOptions, type WithLoss, withLoss } from './loss.js'
export type { BatchStatistics } from './site/statistics.js'

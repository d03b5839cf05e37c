export { inBlocks } from './blocked.js'
export { type Gradient, type GradientOptions, gradient, NoGradient } from './gradient.js'
export { type Loss, type LossOptions, type WithLoss, withLoss } from './loss.js'
export type { BatchStatistics } from './rules/statistics.js'

export { type BatchStatistics, type Gradient, type GradientOptions, gradient } from './gradient.js'
export { type Loss, type LossOptions, type WithLoss, withLoss } from './loss.js'

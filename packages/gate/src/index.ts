export { type ComparisonContext, drop } from './compare.js'
export type { Foresight } from './demands/foresight.js'
export { type DemandsCase, judgeDemands } from './demands/judge-demands.js'
export type { BaseModel, ModelFigures } from './demands/model-limits.js'
export { subset } from './demands/subset.js'
export { type Demandable, type MetricTraits, validateGate } from './demands/validate.js'
export {
  atSizes,
  figure,
  formatAmount,
  formatBytes,
  formatCount,
  formatDuration,
  percent,
  plural,
  rough,
  share,
} from './figure.js'
export { type Case, judge } from './judge.js'
export { type LimitProblem, validateLimits } from './limits.js'
export type * from './measurement.js'
export { betaCdf } from './statistics/beta.js'
export { studentQuantile } from './statistics/student.js'
export { valueFrom } from './value.js'
export { worthless } from './worth.js'

export { drop } from './compare.js'
export { type Case, judge } from './judge.js'
export { type Problem, validateLimits } from './limits.js'
export type * from './measurement.js'

export { applyQuantisation } from './apply.js'
export {
  BLOCK_SIZES,
  type BlockSize,
  QUANTISED_FORMS,
  QUANTISERS,
  type QuantisedForm,
  type Quantiser,
  RANGE_RULES,
  type RangeRule,
} from './choices.js'
export { type GridOptions, gridsOf, type RoundingGrid } from './grid.js'
export { measureError, type OutputError, type SensitiveWeight } from './output-error.js'
export { type QuantisedModel, type QuantiseOptions, quantise } from './quantise.js'
export { applySmoothing } from './smooth/apply.js'
export { type SmoothedModel, type SmoothOptions, smooth } from './smooth/smooth.js'
export type { SmoothedValue, SmoothStep, UnsmoothedWeight } from './smooth/step.js'
export type { ActivationRange } from './static/activation.js'
export type { RunData } from './static/ranges.js'
export type { QuantisedWeight, QuantiseStep, UnquantisedWeight } from './step.js'

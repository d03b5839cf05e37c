export { applyQuantisation } from './apply.js'
export { BLOCK_SIZES, type BlockSize, QUANTISED_FORMS, QUANTISERS, type QuantisedForm, type Quantiser } from './choices.js'
export { type QuantisedModel, type QuantiseOptions, quantise } from './quantise.js'
export type { QuantisedWeight, QuantiseStep, UnquantisedWeight } from './step.js'

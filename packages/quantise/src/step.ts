import type { BlockSize, QuantisedForm, Quantiser } from './choices.js'

/** Weights get fewer bits. The numbers follow from the model that the step is applied to, so a plan holds none. */
export interface QuantiseStep {
  readonly kind: 'quantise'
  readonly method: Quantiser
  /** Of weights in blocks. */
  readonly block: BlockSize
  readonly weights: readonly QuantisedWeight[]
  readonly left: readonly UnquantisedWeight[]
}

export interface QuantisedWeight {
  /** Name of the constant. */
  readonly id: string
  readonly form: QuantisedForm
  readonly elements: number
}

/** A large constant that stays as it is, and why. */
export interface UnquantisedWeight {
  readonly id: string
  readonly elements: number
  readonly reason: string
}

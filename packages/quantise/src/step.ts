import type { BlockSize, QuantisedForm, Quantiser } from './choices.js'
import type { ActivationRange } from './static/activation.js'

/** Weights get fewer bits. Their numbers follow from the model that the step is applied to, so a plan holds none; ranges of values follow from calibration data, and stand here. */
export interface QuantiseStep {
  readonly kind: 'quantise'
  readonly method: Quantiser
  /** Of weights in blocks. */
  readonly block: BlockSize
  readonly weights: readonly QuantisedWeight[]
  /** Of values that are rounded to 8 bits, for `int8-static`. */
  readonly activations?: readonly ActivationRange[]
  readonly left: readonly UnquantisedWeight[]
}

export interface QuantisedWeight {
  /** Name of the constant. */
  readonly id: string
  readonly form: QuantisedForm
  readonly elements: number
  /** Whether its elements are codes times scales before this step, as a step before it rounded them. Absent: each becomes the nearest. */
  readonly onGrid?: true
  /** In blocks, under int4: it has 8, since it is sensitive. Default: as the method says */
  readonly bits?: 8
}

/** A large constant that stays as it is, and why. */
export interface UnquantisedWeight {
  readonly id: string
  readonly elements: number
  readonly reason: string
}

/** Columns of values are divided and rows of the weights that read them multiplied by the same factors, which changes nothing but what rounding loses. */
export interface SmoothStep {
  readonly kind: 'smooth'
  readonly values: readonly SmoothedValue[]
  /** Weights that would be rounded, and that are as they were. */
  readonly left: readonly UnsmoothedWeight[]
}

export interface SmoothedValue {
  /** Name of the value. */
  readonly id: string
  /** Weights that read it. */
  readonly weights: readonly string[]
  /** How far what is hard to round moves from the value (0) to its weights (1). */
  readonly exponent: number
  /** f32[columns], little-endian, in base64: what rows of weights are multiplied with. */
  readonly factors: string
}

export interface UnsmoothedWeight {
  readonly id: string
  readonly reason: string
}

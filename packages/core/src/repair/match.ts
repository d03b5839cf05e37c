/** Mean and population variance of each channel. */
export interface Moments {
  readonly mean: Float64Array
  readonly variance: Float64Array
}

/** A channel with a smaller variance, relative to its mean square, is constant: what is left is rounding of f32. */
const CONSTANT = 1e-10

export function isConstant({ mean, variance }: Moments, channel: number): boolean {
  return !(variance[channel]! > CONSTANT * mean[channel]! ** 2)
}

/**
 * What brings a channel's mean and deviation to the reference's: y ← scale · (y − mean) + mean of the reference, scale = σ of the reference ÷ σ. A
 * channel that is constant, in either, only gets the mean.
 */
export function scalesTo(reference: Moments, current: Moments): Float64Array {
  return current.variance.map((variance, c) =>
    isConstant(current, c) || isConstant(reference, c) ? 1 : Math.sqrt(reference.variance[c]! / variance),
  )
}

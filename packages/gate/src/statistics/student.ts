import { betaQuantile } from './beta.js'

/** The t that Student's T with `freedom` degrees of freedom exceeds with probability `tail`, below ½. */
export function studentQuantile(tail: number, freedom: number): number {
  // P(T ≥ t) is half of I_x(f ÷ 2, ½) at x = f ÷ (f + t²).
  const x = betaQuantile(2 * tail, freedom / 2, 0.5)
  return Math.sqrt((freedom * (1 - x)) / x)
}

/** The same of the normal distribution: with a million degrees of freedom they agree to six digits. */
export function normalQuantile(tail: number): number {
  return studentQuantile(tail, 1e6)
}

/**
 * As many degrees of freedom as a variance has that is estimated from these residuals: one less than there are where they are normal, fewer where a few of them make up most of it
 * (O'Neill 2014, Some useful moment results in sampling problems, 10.1080/00031305.2014.966589: 2n ÷ (κ − (n − 3) ÷ (n − 1))). Never more than `most`, nor fewer than 1.
 */
export function freedomOf(residuals: Float64Array, most: number): number {
  const n = residuals.length
  let [squares, fourths] = [0, 0]
  for (const e of residuals) {
    squares += e * e
    fourths += e ** 4
  }
  if (!(fourths > 0)) return Math.max(1, most)
  const kurtosis = (n * fourths) / squares ** 2
  const own = (2 * n) / (kurtosis - (n - 3) / (n - 1))
  return Math.max(1, own > 0 ? Math.min(most, own) : most)
}

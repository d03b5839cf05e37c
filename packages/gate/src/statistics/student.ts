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

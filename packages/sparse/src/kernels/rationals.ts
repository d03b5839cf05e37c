// Rational approximations x · P(x²) / Q(x²) within 2e-7, the minimax coefficients of Eigen's generic_fast_tanh_float and of XLA's erf. Beyond the limit x counts
// as the limit; from `one` on the function is ±1 in f32, exactly, since what multiplies it may be large.

/** Coefficients from the highest power down. */
export interface Rational {
  readonly limit: number
  readonly one: number
  readonly above: readonly number[]
  readonly below: readonly number[]
}

export const TANH: Rational = {
  limit: 7.905311107635498,
  one: 9,
  above: [
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8, 1.48572235717979e-5,
    6.37261928875436e-4, 4.89352455891786e-3,
  ],
  below: [1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3],
}

export const ERF: Rational = {
  limit: 4,
  one: 4,
  above: [
    -2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5, -7.34990630326855e-4,
    -2.95459980854025e-3, -1.60960333262415e-2,
  ],
  below: [-1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3, -1.42647390514189e-2],
}

/** By its Maclaurin series; from |x| = 4.5 on it is ±1 within 2e-10 (Abramowitz and Stegun 7.1.6). */
export function erf(x: number): number {
  if (Math.abs(x) > 4.5) return Math.sign(x)
  let [sum, term] = [x, x]
  for (let n = 1; n < 120; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

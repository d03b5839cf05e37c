import { describe, expect, test } from 'vitest'
import { random, ratioBounds } from './bootstrap.js'
import { skewedLimits } from './skewness.js'
import { studentQuantile } from './student.js'

const spread = (residuals: number[]) => Math.sqrt(residuals.reduce((total, e) => total + e * e, 0) / (residuals.length - 1))

describe('skewedLimits', () => {
  test('of symmetric samples are Student’s', () => {
    const residuals = [-3, -1, -1, 0, 1, 1, 3]
    const error = spread(residuals) / Math.sqrt(7)
    const [low, high] = skewedLimits({ ratio: 5, residuals: Float64Array.from(residuals), error, effective: 7 }, 0.9)
    expect(low).toBeCloseTo(5 - studentQuantile(0.05, 6) * error, 12)
    expect(high).toBeCloseTo(5 + studentQuantile(0.05, 6) * error, 12)
  })

  test('are those at which the transformed t is a quantile of Student', () => {
    const residuals = [-2, -2, -1, -1, -1, 0, 0, 7]
    const n = residuals.length
    const error = spread(residuals) / Math.sqrt(n)
    const limits = skewedLimits({ ratio: 0, residuals: Float64Array.from(residuals), error, effective: n }, 0.9)
    // By hand: Σe² = 60, Σe³ = 343 − 8 − 8 − 1 − 1 − 1 = 324, g₁ = (324 ÷ 8) ÷ 7.5^1.5 = 1.9718, G₁ = g₁ · √56 ÷ 6 = 2.4593.
    const s = (2.4593 * (1 + 4 / Math.sqrt(8))) / Math.sqrt(8)
    const transformed = (t: number) => t + (s * t * t) / 3 + (s * s * t ** 3) / 27 + s / 6
    // The true ratio is a limit where t = (ratio − limit) ÷ error.
    expect(transformed(-limits[0] / error)).toBeCloseTo(studentQuantile(0.05, n - 1), 3)
    expect(transformed(-limits[1] / error)).toBeCloseTo(-studentQuantile(0.05, n - 1), 3)
  })

  test('reach further where the tail is, and are finite where one sample is all there is', () => {
    const residuals = Float64Array.from([-1, -1, -1, -1, -1, -1, -1, 7])
    const [low, high] = skewedLimits({ ratio: 0, residuals, error: 1, effective: 8 }, 0.95)
    expect(high).toBeGreaterThan(-2 * low)
    const alone = skewedLimits({ ratio: 0, residuals, error: 1, effective: 1 }, 0.95)
    expect(alone.every(Number.isFinite)).toBe(true)
  })
})

test.each([12, 25, 50])('a harm of exponential sizes passes at its limit in at most one of twenty draws of %d', (n) => {
  const next = random(3)
  let below = 0
  for (let trial = 0; trial < 1000; trial++) {
    const differences = Float64Array.from({ length: n }, () => -Math.log(1 - next()))
    // The upper end of 90 % is that of 95 % certainty.
    if (ratioBounds(differences, new Float64Array(n).fill(1), trial)(0.9)[1] < 1) below++
  }
  // Three standard deviations of chance above 5 %: √(0.05 · 0.95 ÷ 1000) = 0.7 %. The bootstrap alone: 8 % of 12.
  expect(below / 1000).toBeLessThanOrEqual(0.07)
})

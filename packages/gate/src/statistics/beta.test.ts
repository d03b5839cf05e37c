import { describe, expect, test } from 'vitest'
import { betaCdf, betaQuantile } from './beta.js'

describe('betaCdf', () => {
  test('is a sum of binomial terms for whole numbers', () => {
    // I_½(2, 3) = P(Bin(4, ½) ≥ 2) = (6 + 4 + 1) / 16
    expect(betaCdf(0.5, 2, 3)).toBeCloseTo(11 / 16, 14)
    // I_0.2(3, 8) = P(Bin(10, 0.2) ≥ 3) = 1 − (0.8¹⁰ + 10·0.2·0.8⁹ + 45·0.04·0.8⁸) = 0.3222004736
    expect(betaCdf(0.2, 3, 8)).toBeCloseTo(0.3222004736, 12)
  })

  test('is x^a for b = 1, also far out', () => {
    for (const a of [0.5, 1, 37, 100_000]) expect(betaCdf(0.999, a, 1)).toBeCloseTo(0.999 ** a, 12)
  })

  test('is ½ at the middle of a symmetric one, and 0 and 1 at the ends', () => {
    for (const a of [0.3, 2, 1000, 1e6]) expect(betaCdf(0.5, a, a)).toBeCloseTo(0.5, 9)
    expect([betaCdf(0, 2, 3), betaCdf(1, 2, 3), betaCdf(-1, 2, 3), betaCdf(2, 2, 3)]).toEqual([0, 1, 0, 1])
  })
})

describe('betaQuantile', () => {
  test('gives the exact intervals that Newcombe (1998, Table I, method 5) prints', () => {
    const printed = [
      [81, 263, 0.2527, 0.3676],
      [15, 148, 0.0578, 0.1617],
      [1, 29, 0.0009, 0.1776],
    ] as const
    for (const [x, n, low, high] of printed) {
      expect(betaQuantile(0.025, x, n - x + 1)).toBeCloseTo(low, 4)
      expect(betaQuantile(0.975, x + 1, n - x)).toBeCloseTo(high, 4)
    }
    expect(betaQuantile(0.975, 1, 20)).toBeCloseTo(0.1684, 4)
  })

  test('inverts the distribution, also in the far tail of 10⁵ samples', () => {
    for (const [p, a, b] of [
      [0.025, 1, 1e5],
      [0.975, 40, 99_961],
      [0.5, 0.5, 0.5],
    ] as const) {
      expect(betaCdf(betaQuantile(p, a, b), a, b)).toBeCloseTo(p, 9)
    }
  })
})

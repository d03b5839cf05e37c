import { describe, expect, it } from 'vitest'
import { medianInterval, medianOf, overStretches, speedupOf, verdictOf } from './latency-statistics.js'

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

describe('the interval of a median', () => {
  // Ranks of the table in Conover 1999, and 2 · (1 + 6 + …) ÷ 2ⁿ by hand: n = 6 gives 2 ÷ 64 = 0.031 at k = 1, n = 9 gives 2 · 10 ÷ 512 = 0.039 at k = 2.
  it.each([
    [6, 1],
    [8, 1],
    [9, 2],
    [10, 2],
    [20, 6],
    [25, 8],
  ])('of %i values goes from the k-th smallest to the k-th largest, k = %i', (n, k) => {
    expect(medianInterval(upTo(n))).toEqual([k, n - k + 1])
  })

  it('holds the true median in 95 of 100 samples or more', () => {
    let state = 7
    const uniform = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 2 ** 32
    }
    let held = 0
    for (let sample = 0; sample < 4000; sample++) {
      // Skewed: the median of u⁴ is 1 ÷ 16.
      const [low, high] = medianInterval(Array.from({ length: 25 }, () => uniform() ** 4))
      if (low <= 1 / 16 && 1 / 16 <= high) held++
    }
    // 95.7 % for 25 values; the standard error of 4,000 samples is 0.3 %.
    expect(held / 4000).toBeGreaterThan(0.947)
    expect(held / 4000).toBeLessThan(0.967)
  })

  it('of five values does not exist', () => {
    expect(() => medianInterval(upTo(5))).toThrow('5 values, expected 6 to 1000')
  })
})

describe('a speed-up of models that were opened once', () => {
  it('is the median of the ratios of stretches, and its interval allows 1 % for where they lie', () => {
    // Fifty runs: 25 stretches of two; each has the medians 3 and 1.5.
    const reference = upTo(50).map((i) => (i % 2 === 0 ? 2 : 4))
    const pruned = upTo(50).map((i) => (i % 2 === 0 ? 2 : 1))
    expect(overStretches(reference, pruned)).toEqual({ value: 2, interval: [2 / 1.01, 2 * 1.01] })
    expect(speedupOf([[reference, pruned]], 0, 1)).toEqual(overStretches(reference, pruned))
  })

  it('is not moved by a busy time that meets both', () => {
    const busy = upTo(200).map((i) => (i > 60 && i < 120 ? 10 : 1))
    const pruned = busy.map((time) => time / 1.5)
    expect(overStretches(busy, pruned).value).toBeCloseTo(1.5, 12)
    // A busy time that meets one of them alone, a quarter of the runs, is within the interval and does not move the median.
    const alone = upTo(200).map((i) => (i <= 50 ? 3 : 1))
    expect(overStretches(alone, upTo(200).fill(1)).value).toBe(1)
  })

  it('takes each pair for itself where there are few', () => {
    const { value, interval } = overStretches([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1])
    expect([value, interval]).toEqual([3.5, [1 / 1.01, 6 * 1.01]])
  })
})

describe('a speed-up of models that were opened several times', () => {
  it('is the geometric mean of the medians of the rounds, with the interval of Student', () => {
    // Medians of pairs 2, 2, 8 and 1: logarithms ln 2 · (1, 1, 3, 0), mean 1.25, squares 1/16 + 1/16 + 49/16 + 25/16 = 4.75.
    const rounds = [2, 2, 8, 1].map((ratio) => [
      [ratio, ratio * 3, 100],
      [1, 3, 1],
    ])
    const { value, interval } = speedupOf(rounds, 0, 1)
    expect(value).toBeCloseTo(2 ** 1.25, 12)
    // t(0.975; 3) = 3.182446
    const reach = 3.182446 * Math.sqrt(4.75 / 3 / 4)
    expect(interval[0]).toBeCloseTo(2 ** (1.25 - reach), 5)
    expect(interval[1]).toBeCloseTo(2 ** (1.25 + reach), 5)
  })

  it('holds 1 for a model beside itself, whose openings differ and whose machine is busy, in 95 of 100 tries', () => {
    let state = 11
    const uniform = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return (state + 0.5) / 2 ** 32
    }
    let held = 0
    for (let trial = 0; trial < 400; trial++) {
      const rounds = upTo(10).map(() => {
        const places = [1 + 0.01 * uniform(), 1 + 0.01 * uniform()]
        // A busy second makes a stretch of runs three times as long; one run in twenty is interrupted.
        const busy = upTo(20).map((i) => (i > 10 * uniform() ? 3 : 1))
        return places.map((place) => busy.map((factor) => place * factor * (1 + 0.02 * uniform() + (uniform() < 0.05 ? 5 : 0))))
      })
      const [low, high] = speedupOf(rounds, 0, 1).interval
      if (low <= 1 && 1 <= high) held++
    }
    // 95 % of 400, less two standard errors of 1.1 %.
    expect(held / 400).toBeGreaterThan(0.928)
  })
})

it('the median of an even number of values is the mean of the middle two', () => {
  expect([medianOf([3, 1, 2]), medianOf([4, 1, 3, 2])]).toEqual([2, 2.5])
})

it('a verdict needs an interval that leaves 1 by more than the resolution', () => {
  const verdict = (low: number, high: number) => verdictOf({ value: (low + high) / 2, interval: [low, high] }, 0.02)
  expect(verdict(1.03, 1.1)).toBe('faster')
  expect(verdict(1.01, 1.1)).toBe('no difference')
  expect(verdict(0.9, 0.97)).toBe('slower')
  expect(verdict(0.9, 0.99)).toBe('no difference')
  expect(verdict(Number.NaN, Number.NaN)).toBe('no difference')
})

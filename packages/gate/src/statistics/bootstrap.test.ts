import { describe, expect, test } from 'vitest'
import { quantile, random, ratioBounds, resamples } from './bootstrap.js'

const ones = (n: number) => new Float64Array(n).fill(1)

describe('ratioBounds', () => {
  test('is close to the t interval for differences of normal shape', () => {
    const next = random(5)
    const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
    const differences = Float64Array.from({ length: 400 }, () => 3 + 2 * normal())
    const mean = differences.reduce((a, b) => a + b) / 400
    const deviation = Math.sqrt(differences.reduce((total, d) => total + (d - mean) ** 2, 0) / 399)
    const [low, high] = ratioBounds(differences, ones(400))(0.95)
    // t(0.975; 399) = 1.966
    expect(low).toBeCloseTo(mean - (1.966 * deviation) / 20, 1)
    expect(high).toBeCloseTo(mean + (1.966 * deviation) / 20, 1)
  })

  test('covers the mean of skewed differences', () => {
    const next = random(11)
    let hits = 0
    for (let trial = 0; trial < 200; trial++) {
      const differences = Float64Array.from({ length: 60 }, () => -Math.log(1 - next()))
      const [low, high] = ratioBounds(differences, ones(60), trial + 1)(0.95)
      if (low <= 1 && 1 <= high) hits++
    }
    expect(hits / 200).toBeGreaterThanOrEqual(0.93)
  })

  test('weighs samples: a window with twice the tokens counts twice', () => {
    // Halving each window in two equal halves keeps the ratio: (2 + 6) / (2 + 2).
    const bounds = ratioBounds(Float64Array.of(2, 6, 1, 7, 3, 5), Float64Array.of(2, 2, 2, 2, 2, 2))(0.5)
    expect((bounds[0] + bounds[1]) / 2).toBeCloseTo(2, 0)
  })

  test('is repeatable, differs between seeds, and widens with the level', () => {
    const differences = Float64Array.of(0.1, 0.4, -0.2, 0.3, 0.9, 0.05, 0.2)
    expect(ratioBounds(differences, ones(7))(0.95)).toEqual(ratioBounds(differences, ones(7))(0.95))
    expect(ratioBounds(differences, ones(7), 2)(0.95)).not.toEqual(ratioBounds(differences, ones(7))(0.95))
    const bounds = ratioBounds(differences, ones(7))
    expect(bounds(0.99)[1]).toBeGreaterThan(bounds(0.9)[1])
  })

  test('is a point where every difference is the same', () => {
    expect(ratioBounds(new Float64Array(50), ones(50))(0.95)).toEqual([0, 0])
    expect(ratioBounds(new Float64Array(50).fill(0.25), ones(50))(0.95)).toEqual([0.25, 0.25])
  })

  test('draws fewer resamples of more samples', () => {
    expect([50, 100_000, 10_000_000].map(resamples)).toEqual([1999, 1000, 399])
  })
})

test('quantiles lie between neighbours', () => {
  const sorted = Float64Array.of(1, 2, 3)
  // Rank p · (n + 1): the median of three is the second, the quarter the first.
  expect([0, 0.25, 0.5, 0.625, 1].map((p) => quantile(sorted, p))).toEqual([1, 1, 2, 2.5, 3])
})

test('random numbers are uniform and repeat with the seed', () => {
  const next = random(1)
  const counts = new Array(10).fill(0)
  for (let i = 0; i < 100_000; i++) counts[Math.floor(next() * 10)]++
  // Standard deviation of a count is √(10⁵ · 0.1 · 0.9) = 95.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400)
  expect(random(7)()).toBe(random(7)())
  expect(random(7)()).not.toBe(random(8)())
})

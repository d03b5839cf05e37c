import { describe, expect, test } from 'vitest'
import { drop } from './compare.js'
import type { Measurement } from './measurement.js'
import { accuracy, mse, perplexity } from './measurement.test.data.js'

describe('drop', () => {
  test('of accuracy is counted, with its exact interval and test', () => {
    // Wrong: samples 0–31 before, 4–41 after: 10 lost, 4 gained of 2,000.
    expect(drop(accuracy(2000, [0, 32]), accuracy(2000, [4, 42]))).toEqual({
      metric: 'accuracy',
      value: 6 / 2000,
      relative: 0.003 / 0.984,
      interval: [expect.closeTo(-0.00106, 5), expect.closeTo(0.00743, 5)],
      method: 'exact',
      mcnemar: { lost: 10, gained: 4, p: expect.closeTo(0.17957, 5) },
    })
  })

  test('is positive where a metric that should be low rises', () => {
    const before = Array.from({ length: 100 }, (_, i) => 1 + (i % 7))
    const worse = drop(mse(before), mse(before.map((value, i) => value + 0.1 + (i % 3) / 100)))
    expect(worse.value).toBeCloseTo(0.1099, 4)
    expect(worse.interval[0]).toBeGreaterThan(0.1)
    expect(drop(mse(before.map((value) => value + 1)), mse(before)).value).toBeCloseTo(-1, 12)
  })

  test('is positive where a mean that should be high falls', () => {
    const high = (values: number[]): Measurement => ({ ...mse(values), metric: 'score', better: 'higher' })
    expect(drop(high([3, 4, 5]), high([2, 3.5, 4.5])).value).toBeCloseTo(2 / 3, 12)
  })

  test('of perplexity is made in nats per token and told in perplexity', () => {
    const sums = Array.from({ length: 200 }, (_, i) => 300 + (i % 11))
    const counts = sums.map(() => 100)
    const after = perplexity(
      sums.map((sum, i) => sum + 1 + (i % 2)),
      counts,
    )
    const before = perplexity(sums, counts)
    const comparison = drop(before, after)
    // 1.5 nats more per 100 tokens: e^0.015 − 1 = 1.511 %
    expect(comparison.relative).toBeCloseTo(Math.expm1(0.015), 12)
    expect(comparison.value).toBeCloseTo(after.value - before.value, 10)
    expect(comparison.interval[0] / before.value).toBeGreaterThan(Math.expm1(0.014))
    expect(comparison.interval[1] / before.value).toBeLessThan(Math.expm1(0.016))
  })

  test('of F1 has McNemar’s test', () => {
    const f1 = (predicted: number[], value: number): Measurement => ({
      metric: 'f1',
      value,
      better: 'higher',
      bounded: true,
      samples: { kind: 'f1', predicted, label: [0, 0, 1, 1] },
    })
    // Pruned: class 0 TP 1, FN 1 → 2/3; class 1 TP 2, FP 1 → 4/5.
    const comparison = drop(f1([0, 0, 1, 1], 1), f1([0, 1, 1, 1], (2 / 3 + 4 / 5) / 2))
    expect(comparison).toMatchObject({
      value: expect.closeTo(1 - 11 / 15, 12),
      method: 'bootstrap',
      mcnemar: { lost: 1, gained: 0, p: 1 },
    })
  })

  test('has no relative form where the reference is 0', () => {
    expect(drop(accuracy(4, [0, 4]), accuracy(4, [0, 4]))).not.toHaveProperty('relative')
  })

  test('throws where there is nothing to compare', () => {
    expect(() => drop(accuracy(4, [0, 1]), accuracy(5, [0, 1]))).toThrow(
      'measured on 4 samples and the pruned model on 5 samples',
    )
  })
})

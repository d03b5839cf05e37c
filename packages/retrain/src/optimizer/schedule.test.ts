import { expect, test } from 'vitest'
import { learningRateAt, sparsities, sparsityAt } from './schedule.js'

const steps = (count: number) => Array.from({ length: count }, (_, i) => i)

test('it warms up on a straight line, and goes down on a cosine', () => {
  const rates = steps(10).map((step) => learningRateAt({ peak: 8, steps: 10, warmup: 2 }, step))
  expect(rates.slice(0, 3)).toEqual([4, 8, 8])
  // p = 4 ÷ 8 is the middle of the cosine, p = 7 ÷ 8 the last step.
  expect(rates[6]).toBeCloseTo(4, 12)
  expect(rates[9]).toBeCloseTo(4 * (1 + Math.cos((7 / 8) * Math.PI)), 12)
  expect(rates[9]).toBeGreaterThan(0)
})

test('or on a straight line, or not at all', () => {
  const linear = { peak: 8, steps: 6, warmup: 2, schedule: 'linear' } as const
  expect(steps(6).map((step) => learningRateAt(linear, step))).toEqual([4, 8, 8, 6, 4, 2])
  const constant = { peak: 8, steps: 3, warmup: 0, schedule: 'constant' } as const
  expect(steps(3).map((step) => learningRateAt(constant, step))).toEqual([8, 8, 8])
})

test('below 1 the time to warm up is a share, and 0.05 unless said otherwise', () => {
  expect(steps(3).map((step) => learningRateAt({ peak: 10, steps: 40 }, step))).toEqual([5, 10, 10])
  expect(steps(3).map((step) => learningRateAt({ peak: 12, steps: 12, warmup: 0.25 }, step))).toEqual([4, 8, 12])
})

test('all warm-up, and a single step, have no division by zero', () => {
  expect(steps(2).map((step) => learningRateAt({ peak: 4, steps: 2, warmup: 100 }, step))).toEqual([2, 4])
  expect(learningRateAt({ peak: 4, steps: 1 }, 0)).toBe(4)
})

test('cubic: 0.8 · (1 − (1 − t)³)', () => {
  // 1 − (3/4)³ = 37/64, 1 − (1/2)³ = 7/8, 1 − (1/4)³ = 63/64
  const series = sparsities({ to: 0.8, steps: 4 })
  for (const [i, share] of [37 / 64, 7 / 8, 63 / 64, 1].entries()) expect(series[i]).toBeCloseTo(0.8 * share, 12)
  expect(series[3]).toBe(0.8)
})

test('linear, and from what is zero already', () => {
  expect(sparsities({ from: 0.2, to: 0.8, steps: 3, curve: 'linear' })).toEqual([
    expect.closeTo(0.4, 12),
    expect.closeTo(0.6, 12),
    0.8,
  ])
})

test('exponential: the same share of what is left stays at each step', () => {
  // 1 − 0.9375 = 1/16: half of what is left, four times.
  const series = sparsities({ to: 0.9375, steps: 4, curve: 'exponential' })
  for (const [i, sparsity] of [0.5, 0.75, 0.875, 0.9375].entries()) expect(series[i]).toBeCloseTo(sparsity, 12)
  expect(sparsities({ to: 1, steps: 2, curve: 'exponential' })).toEqual([expect.closeTo(1 - Math.sqrt(0.001), 12), 1])
})

test('before the first step nothing has happened, after the last all has', () => {
  for (const curve of ['cubic', 'linear', 'exponential'] as const) {
    expect(sparsityAt({ from: 0.25, to: 0.5, steps: 7, curve }, 0)).toBeCloseTo(0.25, 12)
    expect(sparsityAt({ from: 0.25, to: 0.5, steps: 7, curve }, 9)).toBe(0.5)
  }
})

test('what is no sparsity or no number of steps is refused', () => {
  expect(() => sparsities({ to: 0.5, steps: 0 })).toThrow('0 steps')
  expect(() => sparsities({ from: 0.6, to: 0.5, steps: 2 })).toThrow('from a sparsity of 0.6 to 0.5')
})

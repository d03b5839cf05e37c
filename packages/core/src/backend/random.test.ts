import { expect, test } from 'vitest'
import { mix, randomStream, uniform } from './random.js'

const draw = (seed: number, id: string, n: number) => Array.from({ length: n }, (_, i) => uniform(randomStream(seed, id), i))

test('mix gives each of ten thousand numbers another one', () => {
  expect(mix(0)).toBe(0)
  expect(new Set(Array.from({ length: 10_000 }, (_, i) => mix(i))).size).toBe(10_000)
})

test('uniform: mean one half, variance one twelfth, no correlation between neighbours', () => {
  const n = 200_000
  const x = draw(1, 'weight', n)
  const mean = x.reduce((a, b) => a + b, 0) / n
  const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / n
  const lag = x.slice(1).reduce((a, b, i) => a + (b - mean) * (x[i]! - mean), 0) / n / variance
  // Standard errors: 0.00065, 0.00017, 0.0022; five of each are allowed.
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.0033)
  expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.0009)
  expect(Math.abs(lag)).toBeLessThan(0.011)
})

test('every share of [0, 1) is met: χ² over 64 bins', () => {
  const n = 64_000
  const bins = new Array<number>(64).fill(0)
  for (const x of draw(7, 'w', n)) bins[Math.floor(x * 64)]!++
  const chi = bins.reduce((total, count) => total + (count - n / 64) ** 2 / (n / 64), 0)
  // 63 degrees of freedom: 99.9 % below 103.4
  expect(chi).toBeLessThan(103.4)
})

test('another seed, another weight or an index beyond 2³² is another number', () => {
  expect(draw(1, 'a', 4)).not.toEqual(draw(2, 'a', 4))
  expect(draw(1, 'a', 4)).not.toEqual(draw(1, 'b', 4))
  expect(draw(2 ** 40, 'a', 4)).not.toEqual(draw(0, 'a', 4))
  const stream = randomStream(1, 'a')
  expect(uniform(stream, 2 ** 32 + 5)).not.toBe(uniform(stream, 5))
  expect(draw(1, 'a', 4)).toEqual(draw(1, 'a', 4))
})

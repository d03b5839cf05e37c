import { expect, test } from 'vitest'
import { amount, change, duration, percent, share, size } from './figures.js'

test('a change is in percent, and tells nothing from little', () => {
  expect([change(100, 57), change(100, 100.01), change(10, 11), change(0, 5)]).toEqual([
    '−43.0\u00a0%',
    '±0\u00a0%',
    '+10.0\u00a0%',
    undefined,
  ])
})

test('a number and its unit stay on one line', () => {
  for (const text of [percent(0.0402), share(0.5), size(2e6), amount(272_186), duration(850), duration(12_340)])
    expect(text).toMatch(/^[\d.]+\u00a0\S+$/)
  expect(duration(250_000)).toBe('4\u00a0min 10\u00a0s')
})

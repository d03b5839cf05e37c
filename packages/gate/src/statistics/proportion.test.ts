import { describe, expect, test } from 'vitest'
import { coverage, intervalAt } from '../coverage.test.data.js'
import { mcnemar, proportionInterval, tally } from './proportion.js'

describe('tally', () => {
  test('counts the samples on which the two differ', () => {
    expect(tally([1, 1, 0, 0, 1], [1, 0, 0, 1, 0])).toEqual({ lost: 2, gained: 1, n: 5 })
  })
})

describe('proportionInterval', () => {
  for (const n of [50, 200, 2000]) {
    for (const discordance of [0.005, 0.02, 0.1]) {
      for (const split of [0, 0.3, 0.5, 0.8, 1]) {
        test(`covers at n = ${n}, ${discordance * 100} % discordant, ${split * 100} % of them lost`, () => {
          const truth = { n, lost: discordance * split, gained: discordance * (1 - split) }
          expect(coverage(intervalAt(0.95), truth).covered).toBeGreaterThanOrEqual(0.95)
          // What certainty: 0.95 relies on: the upper limit of the 90 % interval fails in at most 5 % of cases.
          expect(coverage(intervalAt(0.9), truth).above).toBeLessThanOrEqual(0.05)
        })
      }
    }
  }

  test('covers where every second sample changes sides', () => {
    const { covered } = coverage(intervalAt(0.95), { n: 60, lost: 0.3, gained: 0.2 })
    expect(covered).toBeGreaterThanOrEqual(0.95)
    expect(covered).toBeLessThan(0.98)
  })

  test('has a width where no sample changed sides', () => {
    // 1 − 0.025^(1/50) = 0.0711
    expect(proportionInterval({ lost: 0, gained: 0, n: 50 }, 0.95)).toEqual([
      expect.closeTo(-0.0711, 4),
      expect.closeTo(0.0711, 4),
    ])
  })

  test('is the exact interval of one proportion on the side where nothing else can happen', () => {
    // 6 lost, 0 gained: the upper limit is Clopper and Pearson's of 6 in 20, 0.5428.
    expect(proportionInterval({ lost: 6, gained: 0, n: 20 }, 0.95)[1]).toBeCloseTo(0.5428, 4)
  })

  test('mirrors when the models are swapped', () => {
    const [low, high] = proportionInterval({ lost: 10, gained: 4, n: 2000 }, 0.95)
    expect(proportionInterval({ lost: 4, gained: 10, n: 2000 }, 0.95)).toEqual([
      expect.closeTo(-high, 14),
      expect.closeTo(-low, 14),
    ])
  })

  test('stays within −1 and 1, and grows with the level', () => {
    expect(proportionInterval({ lost: 1, gained: 0, n: 1 }, 0.95)[1]).toBe(1)
    expect(proportionInterval({ lost: 3, gained: 0, n: 3 }, 0.95)[0]).toBeGreaterThanOrEqual(-1)
    const width = (level: number) => proportionInterval({ lost: 8, gained: 3, n: 500 }, level).reduce((low, high) => high - low)
    expect(width(0.99)).toBeGreaterThan(width(0.95))
  })
})

describe('mcnemar', () => {
  test('doubles the smaller tail of fair coin tosses', () => {
    // 2 · (C(14,0) + … + C(14,4)) / 2¹⁴ = 2 · 1471 / 16384
    expect(mcnemar({ lost: 10, gained: 4, n: 2000 }).p).toBeCloseTo(2942 / 16384, 12)
    // Fagerland, Lydersen and Laake (2014), airway reactivity: 1 and 7 discordant pairs, exact p = 0.0703.
    expect(mcnemar({ lost: 1, gained: 7, n: 21 }).p).toBeCloseTo(0.0703, 4)
  })

  test('is 1 where both sides are equal, none included', () => {
    expect(mcnemar({ lost: 0, gained: 0, n: 9 }).p).toBe(1)
    expect(mcnemar({ lost: 3, gained: 3, n: 9 }).p).toBe(1)
    expect(mcnemar({ lost: 4, gained: 3, n: 9 }).p).toBeCloseTo(1, 12)
  })
})

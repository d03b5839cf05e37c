import { describe, expect, test } from 'vitest'
import { compare } from '../compare.js'
import type { Measurement } from '../measurement.js'
import { random } from '../statistics/bootstrap.js'
import { chanceOfMore, foreseenDrop, isForeseen } from './foresight.js'
import { judgeDemands } from './judge-demands.js'

function accuracy(correct: readonly number[]): Measurement {
  const value = correct.reduce((a, b) => a + b, 0) / correct.length
  return { metric: 'accuracy', value, better: 'higher', bounded: true, samples: { kind: 'proportion', correct } } as Measurement
}

/** The first are lost, the next are gained. */
function pair(n: number, { lost, gained }: { readonly lost: number; readonly gained: number }) {
  const reference = accuracy(Array.from({ length: n }, (_, i) => Number(i < lost || i >= lost + gained)))
  return { reference, pruned: accuracy(Array.from({ length: n }, (_, i) => Number(i >= lost))) }
}

describe('what other samples will show', () => {
  test('of nothing seen is the negative binomial of a half, twice', () => {
    // Of n = m both chances are those of NB(½, ½): 0.70711, 0.17678, 0.06629, 0.02762 …; more than 0 net: Σ g_k · P(l > k).
    const first = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((k) => Math.SQRT1_2 * choose(k) * 0.5 ** k)
    const more = first.reduce((sum, chance, k) => sum + chance * (1 - first.slice(0, k + 1).reduce((a, b) => a + b, 0)), 0)
    expect(first[1]).toBeCloseTo(0.17678, 5)
    expect(chanceOfMore({ lost: 0, gained: 0, n: 500 }, 500, 0)).toBeCloseTo(more, 4)
    expect(chanceOfMore({ lost: 0, gained: 0, n: 500 }, 500, 1)).toBeLessThan(1e-9)
    // Γ(k + ½) ÷ (Γ(½) k!)
    function choose(k: number): number {
      let product = 1
      for (let i = 0; i < k; i++) product *= (0.5 + i) / (i + 1)
      return product
    }
  })

  test('is as often more as is said, and no more often', () => {
    // Rates of which the limit is just not, or just kept; 1000 samples are seen, 1000 others judge.
    for (const [lose, gain] of [
      [0.012, 0.004],
      [0.02, 0.012],
      [0.008, 0.001],
    ] as const) {
      const next = random(7)
      const count = (rate: number) => {
        let events = 0
        for (let i = 0; i < 1000; i++) events += Number(next() < rate)
        return events
      }
      let [wrong, met] = [0, 0]
      for (let trial = 0; trial < 2000; trial++) {
        const seen = { lost: count(lose), gained: count(gain), n: 1000 }
        const isMet = chanceOfMore(seen, 1000, 0.01) <= 0.1
        met += Number(isMet)
        wrong += Number(isMet && count(lose) - count(gain) > 10)
      }
      expect(met).toBeGreaterThan(50)
      expect(wrong / 2000).toBeLessThanOrEqual(0.1)
    }
  })

  test('reaches √2 times as far as the interval on as many samples, further on fewer, and as far as it on all', () => {
    const bounds = (level: number) => [0, 0.01 + level / 100] as [number, number]
    const at = (share: number, certainty?: number) => foreseenDrop({ value: 0.01, bounds }, { share, certainty: 0.9 }, certainty)
    expect(at(0)).toBeCloseTo(0.018, 12)
    expect(at(1)).toBeCloseTo(0.01 + 0.008 * Math.SQRT2, 12)
    expect(at(4)).toBeCloseTo(0.01 + 0.008 * Math.sqrt(5), 12)
    // The others' own interval at 75 % reaches 0.005 on as many samples as these.
    expect(at(1, 0.75)).toBeCloseTo(0.01 + 0.008 * Math.SQRT2 + 0.005, 12)
  })

  test('is judged in the place of what these show', () => {
    const demands = [{ maxDrop: 0.01 }]
    const verdict = (foresight: { share: number; certainty: number } | undefined, counts = { lost: 9, gained: 3 }) =>
      judgeDemands({ ...measured(counts), demands, metric: 'accuracy', foresight })
    const measured = (counts: { lost: number; gained: number }) => {
      const { reference, pruned } = pair(1000, counts)
      return { reference: [reference], pruned: [pruned] }
    }
    expect(verdict(undefined).verdict).toBe('pass')
    expect(verdict({ share: 1, certainty: 0.95 })).toMatchObject({ verdict: 'fail', drop: { value: 0.006 } })
    expect(verdict({ share: 1, certainty: 0.95 }).reasons[0]).toBe(
      'accuracy fell by 0.006, from 0.997 to 0.991 on 1,000 samples; allowed is at most 0.01, and that other samples show no more is less than 95 % certain.',
    )
    expect(verdict({ share: 1, certainty: 0.95 }, { lost: 2, gained: 1 }).verdict).toBe('pass')
    // So many changes are counted as a normal distribution, and say the same.
    const { reference, pruned } = pair(20_000, { lost: 250, gained: 200 })
    const many = compare(reference, pruned)
    for (const [allowed, certainty] of [
      [0.005, 0.9],
      [0.0055, 0.95],
      [0.004, 0.8],
    ] as const)
      expect(isForeseen(many, { allowed }, { share: 1, certainty })).toBe(
        chanceOfMore(many.tally!, 20_000, allowed) <= 1 - certainty,
      )
  })
})

import { describe, expect, test } from 'vitest'
import { drop } from './compare.js'
import { judge } from './judge.js'
import type { Aggregate, Measurement, SampleRecord } from './measurement.js'
import { resampleRecords } from './records.js'
import { worthless } from './worth.js'

/** Area under the ROC curve of [score, label]: the share of pairs of a positive and a negative in order, by its definition. */
const auc: Aggregate = (records, weights) => {
  let [wins, pairs] = [0, 0]
  for (const [i, [a, positive]] of records.entries())
    for (const [j, [b, other]] of records.entries()) {
      if (positive !== 1 || other !== 0) continue
      const weight = (weights?.[i] ?? 1) * (weights?.[j] ?? 1)
      wins += weight * (a! > b! ? 1 : a === b ? 0.5 : 0)
      pairs += weight
    }
  return wins / pairs
}

const of = (records: readonly SampleRecord[]): Measurement => ({
  ...{ metric: 'auc', better: 'higher', bounded: true, value: auc(records) },
  samples: { kind: 'records', records },
})

const label = Array.from({ length: 60 }, (_, i) => Number(i % 3 === 0))
const good = label.map((one, i): SampleRecord => [one + ((i * 7) % 10) / 8, one])
const worse = good.map(([score, one], i): SampleRecord => [score! + (((i * 13) % 11) - 5) / 4, one!])

describe('the drop of an AUC', () => {
  test('is that of its aggregate, with an interval around it', () => {
    const { value, interval, method } = drop(of(good), of(worse), { aggregate: auc })
    expect(value).toBeCloseTo(auc(good) - auc(worse), 12)
    expect(interval[0]).toBeLessThan(value)
    expect(interval[1]).toBeGreaterThan(value)
    expect(method).toBe('bootstrap')
  })

  test('has an interval of DeLong’s width', () => {
    // DeLong 1988: variances of the differences of placements, over positives and over negatives.
    const placement = (records: readonly SampleRecord[], i: number) => {
      const [score, own] = records[i]!
      const others = records.filter(([, one]) => one !== own)
      const below = others.map(([b]) => (b === score ? 0.5 : Number(own === 1 ? score! > b! : score! < b!)))
      return below.reduce((a, b) => a + b, 0) / others.length
    }
    const variance = [1, 0]
      .map((own) => {
        const ds = label.flatMap((one, i) => (one === own ? [placement(good, i) - placement(worse, i)] : []))
        const mean = ds.reduce((a, b) => a + b, 0) / ds.length
        return ds.reduce((total, d) => total + (d - mean) ** 2, 0) / (ds.length - 1) / ds.length
      })
      .reduce((a, b) => a + b, 0)
    const [low, high] = drop(of(good), of(worse), { aggregate: auc }).interval
    expect((high - low) / (2 * 1.96 * Math.sqrt(variance))).toBeGreaterThan(0.9)
    expect((high - low) / (2 * 1.96 * Math.sqrt(variance))).toBeLessThan(1.2)
  })

  test('of two models that never differ has a width', () => {
    const [low, high] = drop(of(good), of(good), { aggregate: auc }).interval
    // At least 1 − 0.025^(1/60) = 6 % of the samples, each of which moves 1 of 20 positives or 40 negatives.
    expect(high).toBeGreaterThan(0.03)
    expect(low).toBe(-high)
  })

  test('without an aggregate is incomplete', () => {
    const { verdict, reasons } = judge({ reference: of(good), pruned: of(worse), limits: { maxDrop: 0.1 } })
    expect([verdict, reasons[0]]).toEqual([
      'incomplete',
      "The reference model's auc has records, and nothing that makes a value of them.",
    ])
  })

  test('of which the value is not that of the records is incomplete', () => {
    const { reasons } = judge({
      reference: { ...of(good), value: 0.1 },
      pruned: of(worse),
      limits: { maxDrop: 0.1 },
      aggregate: auc,
    })
    expect(reasons[0]).toContain("The reference model's auc is given as 0.1, but its samples make")
  })
})

test('a drop whose few samples show no tail reaches as far as Student’s interval', () => {
  const mean: Aggregate = (records, weights) => {
    const weight = (i: number) => weights?.[i] ?? 1
    const all = records.reduce((total, _, i) => total + weight(i), 0)
    return records.reduce((total, [one], i) => total + weight(i) * one!, 0) / all
  }
  const side = (records: readonly SampleRecord[]): Measurement => ({
    ...{ metric: 'm', better: 'higher', bounded: false, value: mean(records) },
    samples: { kind: 'records', records },
  })
  // Drops that are long to the left: what resamples say of the right is too near.
  const drops = Array.from({ length: 20 }, (_, i) => Math.log((i + 0.5) / 20))
  const own = drops.reduce((a, b) => a + b, 0) / 20
  const error = Math.sqrt(drops.reduce((total, one) => total + (one - own) ** 2, 0) / 19 / 20)
  const { value, interval } = drop(side(drops.map(() => [0])), side(drops.map((one) => [-one])), { aggregate: mean })
  expect(value).toBeCloseTo(own, 12)
  // t(0.975; 19) = 2.093
  expect(interval[1]).toBeGreaterThan(own + 2.0929 * error)
})

test('a reference is compared with a blind answer by resamples', () => {
  const blind = {
    answer: 'the same score for all',
    value: 0.5,
    samples: { kind: 'records' as const, records: label.map((one) => [0, one]) },
    cure: 'Look.',
  }
  expect(worthless({ ...of(good), blind }, { aggregate: auc })).toEqual([])
  const noise = label.map((one, i): SampleRecord => [(i * 7) % 10, one])
  expect(worthless({ ...of(noise), blind }, { aggregate: auc })).toHaveLength(1)
})

test('records that repeat are aggregated once, with their number as weight', () => {
  const seen: number[] = []
  const rate: Aggregate = (records, weights) => {
    seen.push(records.length)
    let [right, all] = [0, 0]
    for (const [i, [one]] of records.entries()) {
      right += one! * weights![i]!
      all += weights![i]!
    }
    return right / all
  }
  const before = Array.from({ length: 300 }, (_, i): SampleRecord => [Number(i % 4 > 0)])
  const members = before.map((_, i) => Int32Array.of(i))
  const { drop: value } = resampleRecords(
    { before, after: before.map(([one], i) => [i === 1 ? 0 : one!]), aggregate: rate, sign: -1 },
    members,
  )
  expect(Math.max(...seen)).toBe(2)
  expect(value).toBeCloseTo(1 / 300, 12)
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drop } from './compare.js'
import { groupingOf, tooFewGroups } from './groups.js'
import { judge } from './judge.js'
import type { Categories, Measurement, PerSample } from './measurement.js'
import { valueFrom } from './value.js'

const column = (of: readonly number[], by = 'document'): Categories => ({ by, names: [], of })
const facts = (of: readonly number[]) => ({ facts: { group: column(of), slices: [] } })

/** Share of right answers among records [right]: an aggregate whose interval is known otherwise. */
const share = (records: readonly (readonly number[])[], weights?: ArrayLike<number>) => {
  let [right, all] = [0, 0]
  for (const [i, [one]] of records.entries()) {
    right += one! * (weights?.[i] ?? 1)
    all += weights?.[i] ?? 1
  }
  return right / all
}

function of(samples: PerSample): Measurement {
  const aggregate = samples.kind === 'records' ? share : undefined
  const bounded = samples.kind !== 'perplexity' && samples.kind !== 'mean'
  return { metric: 'm', better: bounded ? 'higher' : 'lower', bounded, value: valueFrom(samples, aggregate), samples }
}

const KINDS = ['proportion', 'mean', 'ratio', 'perplexity', 'f1', 'records'] as const

/** Right answers of one model as samples of each kind. */
function samplesOf(kind: (typeof KINDS)[number], right: readonly number[]): PerSample {
  const counts = right.map((_, i) => 3 + (i % 4))
  const label = right.map((_, i) => i % 3)
  switch (kind) {
    case 'proportion':
      return { kind, correct: right }
    case 'mean':
      return { kind, values: right.map((one, i) => 2 - one + (i % 5) / 10) }
    case 'ratio':
      return { kind, sums: counts.map((count, i) => count - 1 + right[i]!), counts }
    case 'perplexity':
      return { kind, sums: counts.map((count, i) => count * (2 - right[i]! / 10)), counts }
    case 'f1':
      return { kind, label, predicted: label.map((one, i) => (right[i] === 1 ? one : (one + 1) % 3)) }
    default:
      return { kind: 'records', records: right.map((one) => [one]) }
  }
}

const n = 120
/** Every tenth wrong, and after pruning one of eight besides, more in some documents than in others. */
const before = Array.from({ length: n }, (_, i) => Number(i % 10 !== 3))
const after = before.map((one, i) => (Math.floor(i / 6) % 3 === 0 && i % 2 === 0 ? 0 : one))
const documents = before.map((_, i) => Math.floor(i / 6))
const dropOf = (kind: (typeof KINDS)[number], group?: readonly number[], order?: readonly number[]) => {
  const take = <Value>(values: readonly Value[]) => (order ? order.map((i) => values[i]!) : values)
  const side = (right: readonly number[]) => {
    const whole = samplesOf(kind, right)
    return of(order ? permuted(whole, order) : whole)
  }
  return drop(side(before), side(after), { ...(group && facts(take(group))), aggregate: share })
}
function permuted(samples: PerSample, order: readonly number[]): PerSample {
  const entries = Object.entries(samples).map(([key, values]) => [
    key,
    Array.isArray(values) ? order.map((i) => values[i]) : values,
  ])
  return Object.fromEntries(entries) as PerSample
}
const width = ({ interval: [low, high] }: { readonly interval: readonly [number, number] }) => high - low

describe.each(KINDS)('an interval over groups of %s', (kind) => {
  test('is that without groups where each sample is a group of its own', () => {
    const alone = dropOf(kind)
    expect(
      dropOf(
        kind,
        before.map((_, i) => n - i),
      ),
    ).toEqual(alone)
  })

  test('does not depend on the names of groups', () => {
    const whole = dropOf(kind, documents)
    expect(
      dropOf(
        kind,
        documents.map((one) => (one * 7) % 20),
      ).interval,
    ).toEqual(whole.interval)
    expect(whole.groups).toEqual({ by: 'document', count: 20 })
  })

  test('hardly depends on the order of samples', () => {
    const order = before.map((_, i) => (i * 49) % n)
    const [one, other] = [dropOf(kind, documents), dropOf(kind, documents, order)]
    expect(other.value).toBeCloseTo(one.value, 12)
    // Exact for sums; a bootstrap draws others.
    expect(width(other) / width(one)).toBeCloseTo(1, kind === 'proportion' ? 12 : 0)
  })

  test('is wider than without groups where samples of a group go the same way', () => {
    expect(width(dropOf(kind, documents))).toBeGreaterThan(1.3 * width(dropOf(kind)))
  })

  test('has a width where the models never differ', () => {
    if (kind === 'mean' || kind === 'perplexity') return
    const same = of(samplesOf(kind, before))
    const [low, high] = drop(same, same, { ...facts(documents), aggregate: share }).interval
    expect(low).toBeLessThan(-0.005)
    expect(high).toBeGreaterThan(0.005)
  })
})

test('doubling each sample within its group tells nothing new', () => {
  const twice = <Value>(values: readonly Value[]) => values.flatMap((one) => [one, one])
  const double = drop(
    of({ kind: 'proportion', correct: twice(before) }),
    of({ kind: 'proportion', correct: twice(after) }),
    facts(twice(documents)),
  )
  const single = drop(of({ kind: 'proportion', correct: before }), of({ kind: 'proportion', correct: after }), facts(documents))
  expect(double.value).toBeCloseTo(single.value, 12)
  expect(width(double) / width(single)).toBeGreaterThan(0.97)
  // Taken for samples that stand alone, doubled ones would make it narrower by the root of 2.
  const naive = drop(of({ kind: 'proportion', correct: twice(before) }), of({ kind: 'proportion', correct: twice(after) }))
  expect(width(naive)).toBeLessThan(
    0.75 * width(drop(of({ kind: 'proportion', correct: before }), of({ kind: 'proportion', correct: after }))),
  )
})

test('the mean of 8 groups of 2 has at least the interval of Student over the group means', () => {
  // Group totals of the worsening 2, 4, 6 … 16 over 16 samples: mean 4.5; residuals −7, −5 … 7 → Σ = 168; each group leaves 7/8: without = 168 · (8/7)².
  const worse = Array.from({ length: 16 }, (_, i) => Math.floor(i / 2) + 1)
  const zero = of({ kind: 'mean', values: worse.map(() => 1) })
  const found = drop(zero, of({ kind: 'mean', values: worse.map((one) => 1 + one) }), facts(worse))
  const error = Math.sqrt((168 * (8 / 7) ** 2 * 7) / 8) / 16
  // t(0.975; 7) = 2.364624
  expect(found.value).toBeCloseTo(4.5, 12)
  expect(found.interval[0]).toBeLessThanOrEqual(4.5 - 2.3646 * error)
  expect(found.interval[1]).toBeGreaterThanOrEqual(4.5 + 2.3646 * error)
})

test('the test of McNemar is the sign test of groups', () => {
  // Groups of 2: seven lose one sample each and one gains one: 2 · (1 + 8) ÷ 2⁸ = 0.0703.
  const right = Array.from({ length: 16 }, (_, i) => Number(i < 14))
  const pruned = right.map((one, i) => (i < 14 ? Number(i % 2 === 1) : i === 14 ? 1 : one))
  const { mcnemar } = drop(
    of({ kind: 'proportion', correct: right }),
    of({ kind: 'proportion', correct: pruned }),
    facts(right.map((_, i) => i >> 1)),
  )
  expect(mcnemar).toEqual({ lost: 7, gained: 1, p: expect.closeTo(18 / 256, 12), groups: { lost: 7, gained: 1 } })
})

describe('the number of groups', () => {
  const grouping = (sizes: readonly number[]) => groupingOf(column(sizes.flatMap((size, g) => new Array(size).fill(g))))

  test('is that of groups of one size that would tell as much', () => {
    // (10 + 10 + 20)² ÷ (100 + 100 + 400) = 2.667
    expect(grouping([10, 10, 20])?.effective).toBeCloseTo(1600 / 600, 12)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 30 }), (sizes) => {
        const effective = grouping(sizes)?.effective ?? sizes.length
        return effective <= sizes.length + 1e-9 && effective >= 1
      }),
    )
  })

  test('is demanded, and said', () => {
    expect(tooFewGroups(grouping([10, 10, 10, 10, 10]))).toBe(
      '5 groups (document); 8 are needed to judge a drop by samples that belong together.',
    )
    expect(tooFewGroups(grouping([90, 1, 1, 1, 1, 1, 1, 1, 1, 1]))).toContain(
      '10 groups (document), so unequal that they tell as much as 1.2 of one size; 8 are needed',
    )
    expect(tooFewGroups(grouping([2, 2, 2, 2, 2, 2, 2, 2]))).toBeUndefined()
  })

  test('makes a verdict incomplete where it is too small, unless only min or max is limited', () => {
    const reference = of({ kind: 'proportion', correct: before })
    const few = { slices: [], group: column(before.map((_, i) => i % 5)) }
    const judged = judge({ reference, pruned: reference, limits: { maxDrop: 0.01 }, facts: few })
    expect(judged.verdict).toBe('incomplete')
    expect(judged.reasons[0]).toContain('5 groups (document); 8 are needed')
    expect(judge({ reference, pruned: reference, limits: { min: 0.5 }, facts: few })).toMatchObject({ verdict: 'pass' })
    expect(judge({ reference, pruned: reference, limits: { min: 0.5 }, facts: few }).drop).toBeUndefined()
  })

  test('must be that of the samples', () => {
    const reference = of({ kind: 'proportion', correct: before })
    const { reasons } = judge({
      reference,
      pruned: reference,
      limits: { maxDrop: 0.01 },
      facts: { slices: [], group: column([0, 1]) },
    })
    expect(reasons[0]).toContain('m has 120 samples, but the column document has 2 rows')
  })
})

test('what it would take is counted in groups', () => {
  const right = { reference: of({ kind: 'proportion', correct: before }), pruned: of({ kind: 'proportion', correct: after }) }
  const { resolution } = judge({ ...right, limits: { maxDrop: 0.15 }, facts: { slices: [], group: column(documents) } })
  expect(resolution?.message).toMatch(/^120 samples in 20 groups \(document\).* It would take about \d+ groups \(document\)\.$/)
  expect(resolution?.groups).toBeGreaterThan(20)
})

import { describe, expect, test } from 'vitest'
import { judge } from './judge.js'
import type { Limits, Measurement } from './measurement.js'
import { accuracy, mse, perplexity } from './measurement.test.data.js'

const reference = accuracy(2000, [0, 32])
const pruned = accuracy(2000, [4, 42])
const verdictFor = (limits: Limits, after: Measurement | undefined = pruned, before: Measurement | undefined = reference) =>
  judge({ reference: before, pruned: after, limits })

describe('resnet20, 0.984 to 0.981 on 2,000 samples', () => {
  test('fails a limit of 0.002, which so few samples cannot resolve', () => {
    const { verdict, reasons, breaches, resolution } = verdictFor({ maxDrop: 0.002 })
    expect(verdict).toBe('fail')
    expect(reasons).toEqual([
      'accuracy fell by 0.003, from 0.984 to 0.981; allowed is at most 0.002. 95 % interval of the drop −0.0011 to 0.0074 (2,000 samples).',
    ])
    expect(breaches).toMatchObject([{ limit: 'maxDrop', metric: 'accuracy', allowed: 0.002, measured: 0.003 }])
    expect(resolution).toEqual({
      resolves: false,
      smallest: expect.closeTo(0.0044, 4),
      samples: 8000,
      message:
        '2,000 samples, 14 of which changed sides, are too few to resolve a drop of 0.002: the smallest they resolve is 0.0044. It would take about 8,000 samples.',
    })
  })

  test('passes a limit of 0.005, which they just resolve', () => {
    const { verdict, summary, reasons, resolution } = verdictFor({ maxDrop: 0.005 })
    expect(verdict).toBe('pass')
    expect(reasons).toEqual([])
    expect(summary).toBe('accuracy fell by 0.003, from 0.984 to 0.981; allowed is at most 0.005.')
    expect(resolution).toMatchObject({ resolves: true })
    expect(resolution?.message).toContain('2,000 samples resolve a drop of 0.0044, finer than the allowed 0.005; ')
  })

  test('fails a limit of 0.005 with 95 % certainty', () => {
    const { verdict, reasons, breaches } = verdictFor({ maxDrop: 0.005, certainty: 0.95 })
    expect(verdict).toBe('fail')
    expect(reasons[0]).toContain(
      'allowed is at most 0.005 with 95 % certainty, and only a drop below 0.0067 is that certain on 2,000 samples.',
    )
    expect(breaches[0]?.measured).toBeCloseTo(0.00671, 5)
    expect(verdictFor({ maxDrop: 0.007, certainty: 0.95 }).verdict).toBe('pass')
  })

  test('fails without doubt at an accuracy of 0.15', () => {
    const { verdict, resolution } = verdictFor({ maxDrop: 0.002 }, accuracy(2000, [0, 1700]))
    expect(verdict).toBe('fail')
    expect(resolution?.message).toBe('2,000 samples settle it: the whole 95 % interval of the drop lies above the allowed 0.002.')
  })
})

describe('a limit', () => {
  test('that is met exactly is met', () => {
    // 1968 − 1958 of 2,000 is 0.005, though 0.984 − 0.979 > 0.005 in floating point.
    expect(verdictFor({ maxDrop: 0.005 }, accuracy(2000, [0, 42])).verdict).toBe('pass')
    expect(verdictFor({ maxDrop: 0.0049 }, accuracy(2000, [0, 42])).verdict).toBe('fail')
    expect(verdictFor({ min: 0.981 }).verdict).toBe('pass')
  })

  test('of 0 allows no drop, and none can be resolved', () => {
    expect(verdictFor({ maxDrop: 0 }).verdict).toBe('fail')
    expect(verdictFor({ maxDrop: 0 }, reference)).toMatchObject({ verdict: 'pass', resolution: { resolves: false } })
    expect(verdictFor({ maxDrop: 0, certainty: 0.95 }, reference).verdict).toBe('fail')
  })

  test('that is relative is a fraction of the reference', () => {
    const sums = Array.from({ length: 50 }, (_, i) => 300 + i)
    const counts = sums.map(() => 100)
    const before = perplexity(sums, counts)
    const after = perplexity(
      sums.map((sum, i) => sum + (i % 2 ? 1.1 : 0.9)),
      counts,
    )
    // e^0.01 − 1 = 1.005 %
    expect(verdictFor({ maxDrop: { relative: 0.02 } }, after, before).verdict).toBe('pass')
    const { verdict, reasons } = verdictFor({ maxDrop: { relative: 0.01 } }, after, before)
    expect(verdict).toBe('fail')
    expect(reasons[0]).toMatch(
      /^perplexity rose by 0\.258 \(1\.01 %\), from 25\.66 to 25\.92; allowed is at most 1 % \(0\.2566\)\. 95 % interval/,
    )
  })

  test('on the metric itself says what was required', () => {
    expect(verdictFor({ min: 0.99 }).reasons).toEqual(['accuracy is 0.981; required is at least 0.99.'])
    expect(verdictFor({ max: 1 }, mse([1, 2]), mse([1, 1])).reasons).toEqual(['mse is 1.5; allowed is at most 1.'])
  })

  test('adds to the others: all breaches are told', () => {
    const { breaches, summary } = verdictFor({ maxDrop: 0.001, min: 0.99 })
    expect(breaches.map(({ limit }) => limit)).toEqual(['maxDrop', 'min'])
    expect(summary).toContain('allowed is at most 0.001.')
    expect(summary).toContain('required is at least 0.99.')
  })

  describe('on the time of a run', () => {
    const timed = (value: number) =>
      judge({ reference, pruned, limits: { maxLatency: 0.8 }, latency: { value, interval: [value - 0.02, value + 0.02] } })

    test('is met by what is faster, and broken by what is not, or was not timed', () => {
      expect(timed(0.79)).toMatchObject({ verdict: 'pass', breaches: [] })
      expect(timed(0.9)).toMatchObject({
        verdict: 'fail',
        reasons: ["a run takes 0.9 times as long as the reference's (95 % interval 0.88 to 0.92); allowed is at most 0.8."],
        breaches: [{ limit: 'maxLatency', metric: 'latency', allowed: 0.8, measured: 0.9 }],
      })
      expect(timed(Number.NaN).verdict).toBe('fail')
      expect(judge({ reference, pruned, limits: { maxLatency: 0.8 } })).toMatchObject({
        verdict: 'incomplete',
        reasons: ['The latency was not measured, and it is limited.'],
      })
    })
  })

  test('that is NaN fails', () => {
    for (const limits of [
      { maxDrop: Number.NaN },
      { min: Number.NaN },
      { max: Number.NaN },
      { maxDrop: 0.5, certainty: Number.NaN },
    ]) {
      expect(verdictFor(limits).verdict).toBe('fail')
    }
  })

  test('is kept by an improvement', () => {
    const { verdict, summary, drop } = verdictFor({ maxDrop: 0 }, reference, pruned)
    expect(verdict).toBe('pass')
    expect(drop?.value).toBe(-0.003)
    expect(summary).toBe('accuracy rose by 0.003, from 0.981 to 0.984; allowed is at most 0.')
  })
})

describe('never a pass', () => {
  const cases: [string, Measurement | undefined, Measurement | undefined, string][] = [
    ['a model that was not measured', reference, undefined, 'The pruned model was not measured.'],
    ['no samples', accuracy(0, [0, 0]), accuracy(0, [0, 0]), "The reference model's accuracy was measured on no samples."],
    [
      'other numbers of samples',
      reference,
      accuracy(1999, [0, 32]),
      'The reference model was measured on 2,000 samples and the pruned model on 1,999 samples: not the same data.',
    ],
    ['NaN in a sample', mse([1, 2]), mse([1, Number.NaN]), "The pruned model's mse is not a finite number on sample 1 of 2."],
    ['NaN as value', reference, { ...pruned, value: Number.NaN }, "The pruned model's accuracy is NaN, not a finite number."],
    [
      'another metric',
      reference,
      { ...pruned, metric: 'top-5' },
      'The reference model has accuracy, the pruned model top-5: not the same metric.',
    ],
    [
      'another kind of samples',
      mse([1, 0]),
      { ...accuracy(2, [0, 1]), metric: 'mse' },
      'mse has mean samples for the reference model and proportion samples for the pruned model.',
    ],
    [
      'samples that are neither right nor wrong',
      reference,
      { ...pruned, samples: { kind: 'proportion', correct: [0.5] } },
      "The pruned model's accuracy is 0.5 on sample 0, neither right (1) nor wrong (0).",
    ],
    [
      'a value that its samples contradict',
      reference,
      { ...pruned, value: 0.99 },
      "The pruned model's accuracy is given as 0.99, but its samples make 0.981.",
    ],
    [
      'other token counts',
      perplexity([3, 3], [1, 2]),
      perplexity([3, 3], [1, 3]),
      'The two models saw different samples: sample 1 has 2 for the reference model and 3 for the pruned model.',
    ],
    [
      'a single window',
      perplexity([3], [1]),
      perplexity([3], [1]),
      "The reference model's perplexity was measured on 1 sample; an interval needs at least 2.",
    ],
  ]
  for (const [name, before, after, reason] of cases) {
    test(name, () => {
      const verdict = judge({ reference: before, pruned: after, limits: { maxDrop: { relative: 10 } } })
      expect(verdict.verdict).toBe('incomplete')
      expect(verdict.reasons).toContain(reason)
      expect(verdict).not.toHaveProperty('drop')
    })
  }

  test('no limit at all', () => {
    expect(verdictFor({})).toMatchObject({
      verdict: 'incomplete',
      reasons: ['No limit is set: maxDrop, min, max and maxLatency are all absent.'],
    })
  })

  test('lists of different lengths within one measurement', () => {
    const uneven = { ...perplexity([3, 3], [1, 1]), samples: { kind: 'perplexity', sums: [3, 3], counts: [1] } } as const
    expect(verdictFor({ maxDrop: 0.1 }, uneven).reasons).toContain("The pruned model's perplexity has lists of 2 and 1 samples.")
  })
})

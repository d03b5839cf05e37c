import { describe, expect, test } from 'vitest'
import { macroF1 } from './f1.js'
import { judge } from './judge.js'
import type { Blind, Measurement } from './measurement.js'
import { random } from './statistics/bootstrap.js'
import { worthless } from './worth.js'

const share = (correct: readonly number[]) => correct.reduce((total, one) => total + one, 0) / correct.length
const ones = (right: number, n: number) => Array.from({ length: n }, (_, i) => Number(i < right))

/** Accuracy where always answering class 0 is right on the `blind` first samples, and the model on all but `lost` of them and on `gained` others. */
function accuracy(n: number, blind: number, { lost = 0, gained = 0 }): Measurement {
  const correct = Array.from({ length: n }, (_, i) => Number((i >= lost && i < blind) || (i >= blind && i < blind + gained)))
  const constant = ones(blind, n)
  return {
    ...{ metric: 'accuracy', value: share(correct), better: 'higher', bounded: true, samples: { kind: 'proportion', correct } },
    blind: {
      ...{ answer: 'always answering class 0', value: share(constant), cure: 'Check the labels.' },
      samples: { kind: 'proportion', correct: constant },
    },
  }
}

/** A mean that is worse when larger, beside what a blind answer makes of the same samples. */
function mean(values: readonly number[], blind: readonly number[], metric = 'mse'): Measurement {
  const blindly: Blind = {
    ...{ answer: 'always answering the mean of the targets', value: share(blind), cure: 'Check the targets.' },
    samples: { kind: 'mean', values: blind },
  }
  const samples = { kind: 'mean', values } as const
  return { metric, value: share(values), better: 'lower', bounded: false, samples, blind: blindly }
}

/** Macro F1 of answers, beside that of always answering class 0. */
function f1(label: readonly number[], predicted: readonly number[]): Measurement {
  const constant = label.map(() => 0)
  return {
    metric: 'f1',
    value: macroF1(label, predicted),
    better: 'higher',
    bounded: true,
    samples: { kind: 'f1', predicted, label },
    blind: {
      ...{ answer: 'always answering class 0', value: macroF1(label, constant), cure: 'Check the labels.' },
      samples: { kind: 'f1', predicted: constant, label },
    },
  }
}

const isWorthless = (measurement: Measurement) => worthless(measurement).length > 0

describe('a reference is worth something', () => {
  test.each([
    // Binomial: 0.3^30 and the like; far below 5 %.
    ['28 of 30 samples right in four classes', accuracy(30, 9, { lost: 1, gained: 20 })],
    ['all of 30 right where one class has 27', accuracy(30, 27, { gained: 3 })],
    // P(X ≥ 7) of 8 fair coins is 9 / 256 = 0.035.
    ['7 of 8 right in two even classes', accuracy(8, 4, { lost: 1, gained: 4 })],
    // Binomial p = 0.16 is not enough, but all 8 samples where it departs from the constant answer are right: McNemar 2⁻⁸.
    ['few answers of 2,000 that depart from the commonest, and all are right', accuracy(2000, 1940, { gained: 8 })],
    ['three windows that are all better by far', mean([1.1, 1.2, 1], [4, 4.4, 3.9])],
    ['an error a little lower on each of 400 samples', mean(noise(400, 1, 0.9), noise(400, 1, 1))],
  ])('with %s', (_, measurement) => {
    expect(worthless(measurement)).toEqual([])
  })

  test('with a good F1 on 30 samples', () => {
    const label = Array.from({ length: 30 }, (_, i) => i % 3)
    expect(
      worthless(
        f1(
          label,
          label.map((one, i) => (i < 3 ? 0 : one)),
        ),
      ),
    ).toEqual([])
  })

  test('where nothing is known of a blind answer', () => {
    const { blind: _, ...bare } = accuracy(30, 9, {})
    expect(worthless(bare)).toEqual([])
  })
})

describe('a reference is worth nothing', () => {
  test.each([
    ['as good as the commonest answer', accuracy(400, 124, {})],
    ['worse than the commonest answer', accuracy(400, 124, { lost: 124, gained: 50 })],
    // P(X ≥ 29) of 30 at 0.9 is 0.18, and 2 of 2 samples for the model are p = ¼.
    ['better by what chance alone brings', accuracy(30, 27, { gained: 2 })],
    ['better than nothing, but always answering one class is right everywhere', accuracy(50, 50, {})],
    ['an error as large as that of the mean', mean(noise(400, 1, 1), noise(400, 2, 1))],
    ['a single sample', mean([1], [4])],
  ])('that is %s', (_, measurement) => {
    expect(isWorthless(measurement)).toBe(true)
  })

  test('is taken for good in at most 1 of 20 draws of answers that are chance', () => {
    const next = random(7)
    const draws = 400
    let accepted = 0
    let acceptedF1 = 0
    for (let draw = 0; draw < draws; draw++) {
      const label = Array.from({ length: 60 }, () => Math.floor(next() * 4))
      const predicted = label.map(() => Math.floor(next() * 4))
      const commonest = [0, 1, 2, 3].map((one) => label.map((own) => Number(own === one))).sort((a, b) => share(b) - share(a))[0]!
      const correct = label.map((one, i) => Number(one === predicted[i]))
      const guess = { ...accuracy(60, 0, {}), value: share(correct), samples: { kind: 'proportion', correct } as const }
      const blind = { ...guess.blind!, value: share(commonest), samples: { kind: 'proportion', correct: commonest } as const }
      if (!isWorthless({ ...guess, blind })) accepted++
      if (!isWorthless(f1(label, predicted))) acceptedF1++
    }
    expect(accepted / draws).toBeLessThanOrEqual(0.05)
    // Its exact level is 8 in 200: of 400 draws 16 on average, and 28 are three standard deviations more.
    expect(acceptedF1).toBeLessThanOrEqual(28)
  })

  test('in as many words: the figures, the rule, the numbering that would do, and what to look at', () => {
    const renumbered = { how: 'labels + 1', accuracy: 0.98 }
    expect(worthless({ ...accuracy(400, 124, { lost: 124 }), renumbered })).toEqual([
      'accuracy of 0 on 400 samples is no better than always answering class 0, without looking at the input, which gets 0.31: it cannot show what pruning costs. With labels + 1 accuracy would be 0.98. Check the labels.',
    ])
    expect(worthless(accuracy(30, 27, { gained: 2 }))[0]).toContain(
      'accuracy of 0.9667 on 30 samples is not better beyond chance (one-sided p = 0.18, needed is less than 0.05) than always answering class 0',
    )
    expect(worthless(accuracy(50, 50, {}))[0]).toContain(
      'accuracy cannot fail on these 50 samples: always answering class 0, without looking at the input, is always right.',
    )
  })

  test.each([
    ['zeros', 'The inputs are 0 in all 30 samples'],
    ['inputs', 'The inputs are the same in all 30 samples'],
    ['outputs', 'The output is the same for all 30 samples, whatever the input'],
  ] as const)('where %s are the same for all samples, however good the figure', (same, message) => {
    expect(worthless({ ...accuracy(30, 9, { gained: 21 }), same })).toEqual([expect.stringContaining(message)])
  })
})

describe('the verdict on a worthless reference', () => {
  const reference = accuracy(400, 124, {})
  const verdictOf = (limits: Parameters<typeof judge>[0]['limits'], pruned = reference) => judge({ reference, pruned, limits })

  test('is incomplete with the reason and the cure, never a pass, and says nothing of what the samples settle', () => {
    for (const limits of [{ maxDrop: 0.01 }, { min: 0.1 }, { max: 0.9 }, { maxDrop: 0.01, certainty: 0.95 }]) {
      const { verdict, reasons, summary, drop, resolution } = verdictOf(limits)
      expect(verdict).toBe('incomplete')
      expect(reasons).toEqual([
        expect.stringContaining('is no better than always answering class 0'),
        'To judge by it all the same, set allow-worthless-reference (in a config, gate: { allowWorthlessReference: true }).',
      ])
      expect(summary).toBe(reasons.join(' '))
      expect(drop?.value).toBe(0)
      expect(resolution).toBeUndefined()
    }
  })

  test('is a pass with a warning where that is allowed', () => {
    expect(verdictOf({ maxDrop: 0.01, allowWorthlessReference: true })).toMatchObject({
      verdict: 'pass',
      reasons: [],
      warnings: [expect.stringContaining('is no better than always answering class 0')],
      resolution: { resolves: true },
    })
    expect(verdictOf({ maxDrop: 0.01, allowWorthlessReference: false }).verdict).toBe('incomplete')
  })

  test('stays a fail where a limit is broken, and says both', () => {
    const { verdict, reasons } = verdictOf({ maxDrop: 0.01 }, accuracy(400, 124, { lost: 60 }))
    expect(verdict).toBe('fail')
    expect(reasons[0]).toContain('accuracy fell by 0.15')
    expect(reasons[1]).toContain('is no better than always answering class 0')
  })

  test('is none of it where only the time of a run is limited', () => {
    const latency = { value: 0.7, interval: [0.69, 0.71] } as const
    expect(judge({ reference, pruned: reference, limits: { maxLatency: 0.8 }, latency }).verdict).toBe('pass')
  })

  test('does not ask how good the pruned model is', () => {
    const good = accuracy(400, 124, { gained: 200 })
    expect(judge({ reference: good, pruned: accuracy(400, 124, {}), limits: { maxDrop: 0.9 } }).verdict).toBe('pass')
  })
})

/** Positive values around `size`, the same for a seed. */
function noise(n: number, seed: number, size: number): number[] {
  const next = random(seed)
  return Array.from({ length: n }, () => size * (0.5 + next()))
}

import { describe, expect, test } from 'vitest'
import { judge } from '../judge.js'
import type { Demand, Measurement, SampleFacts } from '../measurement.js'
import { valueFrom } from '../value.js'
import { holm } from './holm.js'
import { judgeDemands } from './judge-demands.js'

const accuracy = (correct: readonly number[]): Measurement => ({
  ...{ metric: 'accuracy', better: 'higher', bounded: true, value: valueFrom({ kind: 'proportion', correct }) },
  samples: { kind: 'proportion', correct },
})

const SIZE = 200
const LANGUAGES = ['de', 'en', 'fr', 'it', 'pl']

/** Five languages of 200 samples, all right before; of each as many are lost as `lost` says. */
function inLanguages(lost: readonly number[], sizes: readonly number[] = LANGUAGES.map(() => SIZE)) {
  const language = sizes.flatMap((size, s) => new Array<number>(size).fill(s))
  const correct = sizes.flatMap((size, s) => Array.from({ length: size }, (_, i) => Number(i >= lost[s]!)))
  const facts: SampleFacts = { slices: [{ by: 'language', names: LANGUAGES, of: language }] }
  const reference = accuracy(language.map(() => 1))
  const verdictOf = (demands: readonly Demand[], figures = {}) =>
    judgeDemands({ reference: [reference], pruned: [accuracy(correct)], demands, metric: 'accuracy', facts, ...figures })
  return { verdictOf, reference, pruned: accuracy(correct) }
}

describe('Holm', () => {
  test('multiplies the smallest by their number, the next by one less, and never goes down', () => {
    // 0.01 · 4 = 0.04; 0.02 · 3 = 0.06; 0.03 · 2 = 0.06; 0.04 · 1 = 0.04, but no less than 0.06.
    expect(holm([0.04, 0.01, 0.03, 0.02])).toEqual([0.06, 0.04, 0.06, 0.06].map((p) => expect.closeTo(p, 12)))
    expect(holm([0.9, 0.8])).toEqual([1, 1])
    expect(holm([])).toEqual([])
  })
})

test('a gate of one demand is judged as by limits alone', () => {
  const { verdictOf, reference, pruned } = inLanguages([1, 1, 1, 1, 20])
  for (const limits of [{ maxDrop: 0.01 }, { maxDrop: 0.05, min: 0.9 }, { maxDrop: 0.03, certainty: 0.95 }])
    expect(verdictOf([limits])).toEqual(judge({ reference, pruned, limits, facts: { slices: [] } }))
})

describe('a demand where language = …', () => {
  const { verdictOf } = inLanguages([1, 1, 1, 1, 20])

  test('is about this slice, by its measured drop', () => {
    const { verdict, reasons, demands } = verdictOf([{ maxDrop: 0.05 }, { where: 'language=pl', maxDrop: 0.05 }])
    expect(verdict).toBe('fail')
    expect(reasons[0]).toContain('accuracy where language = pl fell by 0.1, from 1 to 0.9; allowed is at most 0.05.')
    expect(demands.map((one) => [one.about, one.verdict])).toEqual([
      ['accuracy', 'pass'],
      ['accuracy where language = pl', 'fail'],
    ])
    expect(verdictOf([{ maxDrop: 0.05 }, { where: 'language=de', maxDrop: 0.05 }]).verdict).toBe('pass')
  })

  test('of a value or a column that is not there is incomplete, and says what is', () => {
    expect(verdictOf([{ where: 'language=xx', maxDrop: 0.05 }])).toMatchObject({
      verdict: 'incomplete',
      reasons: ['No sample has language = xx; there are: de, en, fr, it, pl.'],
    })
    expect(verdictOf([{ by: 'source', maxDrop: 0.05 }]).reasons).toEqual([
      "The data have no column 'source' to tell samples apart by; there are: language.",
    ])
  })
})

describe('a demand on every language', () => {
  test('is broken by the one that lost more than chance explains, which is named', () => {
    const { verdict, reasons, demands } = inLanguages([1, 0, 3, 1, 40]).verdictOf([{ by: 'language', maxDrop: 0.02 }])
    expect(verdict).toBe('fail')
    expect(reasons).toHaveLength(1)
    expect(reasons[0]).toMatch(
      /^accuracy where language = pl fell by 0.2, from 1 to 0.8 on 200 samples; allowed is at most 0.02, and chance does not explain it \(p < 0.0001 by Holm's correction for 5 parts; needed is less than 0.05\)\.$/,
    )
    expect(demands[0]?.parts?.map((part) => part.verdict)).toEqual(['unclear', 'pass', 'unclear', 'unclear', 'fail'])
  })

  test('is kept where the drop is above the limit within chance, and too few samples to tell are named', () => {
    // 3 of 200 are 0.015, above 0.01: but 1 of 50 would be no wonder.
    const { verdict, warnings } = inLanguages([3, 0, 0, 0, 0]).verdictOf([{ by: 'language', maxDrop: 0.01 }])
    expect(verdict).toBe('pass')
    expect(warnings?.[0]).toContain(
      'accuracy by language: 5 of 5 parts have too few samples to tell whether the limit is kept: de (200 samples), ',
    )
  })

  test('with certainty must be shown to be kept by each', () => {
    const few = inLanguages([0, 0, 0, 0, 0])
    expect(few.verdictOf([{ by: 'language', maxDrop: 0.02, certainty: 0.95 }]).verdict).toBe('pass')
    const { verdict, reasons } = few.verdictOf([{ by: 'language', maxDrop: 0.01, certainty: 0.95 }])
    expect(verdict).toBe('fail')
    expect(reasons[0]).toContain('allowed is at most 0.01 with 95 % certainty, and only a drop below')
  })

  test('counts the parts of all demands for the correction', () => {
    // Nine of 200, against 0.02: one-sided p is about 0.02.
    const lost = [9, 0, 0, 0, 0]
    const p = (demands: readonly Demand[]) => inLanguages(lost).verdictOf(demands).demands[0]!.parts![0]!.p!
    const one = p([{ by: 'language', maxDrop: 0.01 }])
    const two = p([
      { by: 'language', maxDrop: 0.01 },
      { by: 'language', maxDrop: 0.5 },
    ])
    expect(two).toBeCloseTo(Math.min(1, 2 * one), 6)
  })
})

describe('a demand on every class', () => {
  const label = Array.from({ length: 400 }, (_, i) => (i < 360 ? 0 : i < 390 ? 1 : 2))
  const f1 = (predicted: readonly number[]): Measurement => ({
    ...{ metric: 'f1', better: 'higher', bounded: true, value: valueFrom({ kind: 'f1', label, predicted }) },
    samples: { kind: 'f1', label, predicted },
  })
  const wrong = label.map((one, i) => (one === 1 && i % 2 === 0 ? 0 : one))
  const right = (predicted: readonly number[]) => accuracy(predicted.map((one, i) => Number(one === label[i])))
  const both = { reference: [right(label), f1(label)], pruned: [right(wrong), f1(wrong)], metric: 'accuracy' }

  test('finds the class that accuracy hides', () => {
    // Accuracy falls by 15 of 400; class 1 by half.
    const { demands, verdict, reasons } = judgeDemands({ ...both, demands: [{ maxDrop: 0.05 }, { classes: true, maxDrop: 0.1 }] })
    expect(demands.map((one) => one.verdict)).toEqual(['pass', 'fail'])
    expect(verdict).toBe('fail')
    expect(reasons[0]).toContain('accuracy of class 1 fell by 0.5, from 1 to 0.5 on 30 samples')
  })

  test('of f1 is about recall', () => {
    const { reasons } = judgeDemands({ ...both, demands: [{ metric: 'f1', classes: true, maxDrop: 0.1 }] })
    expect(reasons[0]).toContain('recall of class 1 fell by 0.5')
  })

  test('is incomplete where labels are not known', () => {
    const demands = [{ classes: true, maxDrop: 0.1 }] as const
    const { verdict, reasons } = judgeDemands({ ...both, reference: [right(label)], demands })
    expect([verdict, reasons]).toEqual(['incomplete', ['The labels of the samples are not known: measure f1, too.']])
  })
})

describe('limits of the model itself', () => {
  const { verdictOf } = inLanguages([0, 0, 0, 0, 0])

  test('are fractions of what the reference has', () => {
    const figures = { size: { before: 1000, after: 620 }, macs: { before: 100, after: 40 } }
    const { verdict, reasons, demands } = verdictOf([{ maxDrop: 0.01 }, { maxSize: 0.5 }, { maxMacs: 0.5 }], figures)
    expect(verdict).toBe('fail')
    expect(reasons).toEqual(["the pruned file has 0.62 of the reference's bytes; allowed is at most 0.5."])
    expect(demands.map((one) => [one.about, one.verdict])).toEqual([
      ['accuracy', 'pass'],
      ['the model', 'fail'],
      ['the model', 'pass'],
    ])
  })

  test('that are not known are incomplete', () => {
    expect(verdictOf([{ maxDrop: 0.01 }, { maxMacs: 0.5 }])).toMatchObject({
      verdict: 'incomplete',
      reasons: ['The multiplications could not be counted, and they are limited.'],
    })
  })
})

describe('a limit of the latency', () => {
  const { verdictOf } = inLanguages([0, 0, 0, 0, 0])
  const timed = (value: number, low: number, high: number, limits: Demand, more = {}) =>
    verdictOf([{ maxDrop: 0.01, ...limits }], { latency: { value, interval: [low, high], seconds: 2, ...more } })

  test('is broken where the whole interval is above', () => {
    expect(timed(1.05, 1.02, 1.08, { maxLatency: 1 }).reasons[0]).toBe(
      "a run takes 1.05 times as long as the reference's (95 % interval 1.02 to 1.08); allowed is at most 1.",
    )
  })

  test('is kept within the noise, which is told', () => {
    const { verdict, warnings } = timed(1.01, 0.98, 1.04, { maxLatency: 1 })
    expect(verdict).toBe('pass')
    expect(warnings?.[0]).toContain('the limit of 1 is within that: this machine resolves 3.1 % in 2 s.')
  })

  test('with certainty must have the whole interval below', () => {
    expect(timed(0.99, 0.96, 1.02, { maxLatency: 1, certainty: 0.95, maxDrop: 0.5 }).verdict).toBe('fail')
    expect(timed(0.9, 0.87, 0.93, { maxLatency: 1, certainty: 0.95, maxDrop: 0.5 }).verdict).toBe('pass')
  })

  test('cannot be broken by the same file', () => {
    const { verdict, warnings } = timed(1.05, 1.02, 1.08, { maxLatency: 1 }, { identical: true })
    expect([verdict, warnings]).toEqual(['pass', ['Both files are the same, byte for byte, so a run takes as long with both.']])
  })
})

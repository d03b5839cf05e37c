import { expect, it } from 'vitest'
import { judge } from '../judge.js'
import type { Limits, Measurement } from '../measurement.js'
import type { BaseModel } from './model-limits.js'

const right = (count: number): Measurement => ({
  metric: 'accuracy',
  value: count / 100,
  better: 'higher',
  bounded: true,
  samples: { kind: 'proportion', correct: Array.from({ length: 100 }, (_, i) => Number(i < count)) },
})

const MAIN: BaseModel = { name: 'main', metrics: { accuracy: 0.9 } }

function judged(limits: Limits, base: BaseModel | undefined, pruned = right(88)) {
  return judge({ reference: right(95), pruned, limits, base })
}

it('is how much worse the pruned model is than that of the base branch', () => {
  const { verdict, reasons, breaches } = judged({ maxRegression: 0.01 }, MAIN)
  expect({ verdict, reasons }).toEqual({
    verdict: 'fail',
    reasons: ['accuracy is 0.88, 0.02 less than the pruned model of main has (0.9); allowed is at most 0.01.'],
  })
  expect(breaches).toMatchObject([{ limit: 'maxRegression', allowed: 0.01 }])
  expect(judged({ maxRegression: 0.02 }, MAIN).verdict).toBe('pass')
  expect(judged({ maxRegression: { relative: 0.01 } }, MAIN).verdict).toBe('fail')
  expect(judged({ maxRegression: { relative: 0.03 } }, MAIN).verdict).toBe('pass')
  expect(judged({ maxRegression: 0 }, MAIN, right(91)).verdict).toBe('pass')
})

it('points the other way where less is better', () => {
  const loss = (value: number): Measurement => ({
    ...{ metric: 'cross-entropy', value, better: 'lower', bounded: false },
    samples: { kind: 'mean', values: [value - 0.5, value + 0.5] },
  })
  const main: BaseModel = { name: 'main', metrics: { 'cross-entropy': 2 } }
  const judgedAt = (value: number) =>
    judge({ reference: loss(1), pruned: loss(value), limits: { maxRegression: { relative: 0.1 } }, base: main }).verdict
  expect([judgedAt(2.1), judgedAt(2.3), judgedAt(1.5)]).toEqual(['pass', 'fail', 'pass'])
})

it('is not judged where that model is not known, or was measured otherwise, and this is said', () => {
  const limits = { maxDrop: 0.5, maxRegression: 0.01 }
  expect(judged(limits, undefined)).toMatchObject({ verdict: 'pass', warnings: [expect.stringContaining('No earlier result')] })
  const other = { ...MAIN, obstacle: 'The evaluation data are not those of main.' }
  expect(judged(limits, other)).toMatchObject({ verdict: 'pass', warnings: [other.obstacle] })
  expect(judged(limits, MAIN).warnings?.[0]).toContain('main keeps no samples of accuracy, so the measured values alone judged')
  expect(judged(limits, { name: 'main', metrics: {} })).toMatchObject({
    warnings: [expect.stringContaining('main has no accuracy')],
  })
})

it('is judged sample by sample where those of that model are kept', () => {
  const kept = { ...MAIN, samples: { accuracy: right(90).samples } }
  const { reasons, warnings } = judged({ maxRegression: 0.01 }, kept)
  expect(reasons[0]).toMatch(
    /0\.02 less than the pruned model of main has \(0\.9\); allowed is at most 0\.01 \(95 % interval of the difference .* to .*, 100 samples\)\.$/,
  )
  expect(warnings).toBeUndefined()
  // Two of a hundred are lost: with certainty that is no less than 2 %.
  expect(judged({ maxRegression: 0.03 }, kept).verdict).toBe('pass')
  const sure = judged({ maxRegression: 0.03, certainty: 0.95 }, kept)
  expect(sure.verdict).toBe('fail')
  expect(sure.reasons[0]).toContain('with 95 % certainty, and only a regression below')
  expect(judged({ maxRegression: 0.1, certainty: 0.95 }, kept).verdict).toBe('pass')
})

it('is judged by values where the samples are others', () => {
  const other = { ...MAIN, samples: { accuracy: { kind: 'proportion', correct: [1, 1] } } } as const
  const { verdict, warnings } = judged({ maxRegression: 0.02 }, other)
  expect(verdict).toBe('pass')
  expect(warnings?.[0]).toContain('The samples of main are not those of this run')
})

import { expect, test } from 'vitest'
import { judge } from '../judge.js'
import type { Limits, Measurement } from '../measurement.js'

const right = (count: number) => Array.from({ length: 100 }, (_, i) => Number(i < count))
const model = (count: number): Measurement => ({
  ...{
    metric: 'accuracy',
    better: 'higher',
    bounded: true,
    value: count / 100,
    samples: { kind: 'proportion', correct: right(count) },
  },
  blind: { answer: 'always answering class 3', cure: 'Look.', value: 0.2, samples: { kind: 'proportion', correct: right(20) } },
})
const warnings = (limits: Limits) => judge({ reference: model(90), pruned: model(88), limits }).warnings

test('a limit that an answer without the input meets is told, with its figure', () => {
  expect(warnings({ maxDrop: 0.75 })).toEqual([
    'The limit on accuracy is so loose that always answering class 3, without looking at the input, meets it: that gets 0.2 (a drop of 0.7, and 0.75 is allowed). Tighten it.',
  ])
  expect(warnings({ maxDrop: { relative: 0.8 } })?.[0]).toContain('a drop of 0.7, and 0.72 is allowed')
  expect(warnings({ min: 0.1 })?.[0]).toContain('that gets 0.2 (at least 0.1 is required)')
})

test('limits of which one fails such an answer are not', () => {
  expect(warnings({ maxDrop: 0.05 })).toBeUndefined()
  expect(warnings({ maxDrop: 0.75, min: 0.5 })).toBeUndefined()
  expect(
    judge({ reference: model(90), pruned: model(88), limits: { maxSize: 2 }, size: { before: 1, after: 1 } }).warnings,
  ).toBeUndefined()
})

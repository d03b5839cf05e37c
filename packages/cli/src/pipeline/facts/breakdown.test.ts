import type { ModelAnswers } from '@pare/evaluate'
import type { Measurement } from '@pare/gate'
import { describe, expect, test } from 'vitest'
import { breakdownOf } from './breakdown.js'
import type { PairScores } from './pair-scores.js'

const labels = [0, 0, 1, 1, 2, -1]
const before = { predicted: [0, 1, 1, 1, 2, -1], confidence: [0.95, 0.55, 0.85, 0.45, 0.95, 0] }
const after = { predicted: [0, 0, 1, 0, 0, -1], confidence: [0.85, 0.55, 0.95, 0.55, 0.75, 0] }

function measured({ predicted }: ModelAnswers): Measurement {
  const correct = labels.map((label, i) => Number(label === predicted[i])).slice(0, 5)
  const value = correct.reduce((sum, one) => sum + one, 0) / 5
  return {
    metric: 'accuracy',
    value,
    better: 'higher',
    bounded: true,
    samples: { kind: 'proportion', correct },
    judged: [0, 1, 2, 3, 4],
  }
}

const scores = (answers: ModelAnswers) => ({ metrics: {}, measurements: [measured(answers)], unmeasured: [], answers })
const pair = {
  reference: scores(before),
  pruned: {
    ...scores(after),
    ...{ labels, classNames: ['cat', 'dog'], texts: { 3: 'woof' } },
    facts: { ids: ['a', 'b', 'c', 'd', 'e', 'f'], slices: [{ by: 'camera', names: ['one', 'two'], of: [0, 0, 1, 1, 1, 1] }] },
  },
} as unknown as PairScores
const found = breakdownOf(pair, { metric: 'accuracy', aggregate: undefined })

describe('what the metric hides', () => {
  test('by class: samples, right before and after, what changed sides', () => {
    expect(found.classes).toEqual([
      {
        name: 'cat',
        samples: 2,
        right: { before: 1, after: 2 },
        share: { before: 0.5, after: 1 },
        lost: 0,
        gained: 1,
        answered: { before: 1, after: 4 },
      },
      {
        name: 'dog',
        samples: 2,
        right: { before: 2, after: 1 },
        share: { before: 1, after: 0.5 },
        lost: 1,
        gained: 0,
        answered: { before: 3, after: 1 },
      },
      {
        name: '2',
        samples: 1,
        right: { before: 1, after: 0 },
        share: { before: 1, after: 0 },
        lost: 1,
        gained: 0,
        answered: { before: 1, after: 0 },
      },
    ])
    expect(found.findings).toEqual(['1 class of which fewer than 5 samples were right has no right answer any more.'])
  })

  test('label against answer, before and after', () => {
    expect(found.confusion?.matrix).toEqual({
      names: ['cat', 'dog', '2'],
      before: [
        [1, 1, 0],
        [0, 2, 0],
        [0, 0, 1],
      ],
      after: [
        [2, 0, 0],
        [1, 1, 0],
        [1, 0, 0],
      ],
    })
    expect(found.confusion?.cells).toHaveLength(6)
  })

  test('samples that changed sides by their names, those lost first, with their text', () => {
    expect(found.changed).toEqual({
      ...{ lost: 2, gained: 1 },
      samples: [
        { id: 'd', label: 'dog', before: 'dog', after: 'cat', text: 'woof' },
        { id: 'e', label: '2', before: '2', after: 'cat' },
        { id: 'b', label: 'cat', before: 'dog', after: 'cat' },
      ],
    })
  })

  test('the metric of each slice, over the samples that are judged', () => {
    expect(found.slices).toEqual([
      { by: 'camera', name: 'one', samples: 2, before: 0.5, after: 1 },
      { by: 'camera', name: 'two', samples: 3, before: 1, after: 1 / 3 },
    ])
  })

  test('how sure against how right, in bins of a tenth', () => {
    // Before: 0.45 right, 0.55 wrong, 0.85 right, twice 0.95 right: (0.55 + 0.55 + 0.15 + 2 × 0.05) ÷ 5.
    expect(found.reliability?.before.error).toBeCloseTo(0.27, 12)
    expect(found.reliability?.before.bins.at(-1)).toEqual({ low: 0.9, high: 1, samples: 2, confidence: 0.95, right: 1 })
    // After: 0.55 once right and once wrong, 0.75 wrong, 0.85 and 0.95 right: (2 × 0.05 + 0.75 + 0.15 + 0.05) ÷ 5.
    expect(found.reliability?.after.error).toBeCloseTo(0.21, 12)
  })
})

test('of models that do not answer with classes there is nothing but slices', () => {
  const { answers: _, ...reference } = pair.reference
  const none = breakdownOf({ ...pair, reference }, { metric: 'accuracy', aggregate: undefined })
  expect(Object.keys(none)).toEqual(['slices'])
})

test('of more than 50 classes the pairs that changed stand alone', () => {
  const many = Array.from({ length: 60 }, (_, i) => i)
  const shifted = { predicted: many.map((i) => (i + 1) % 60) }
  const one = {
    reference: { metrics: {}, measurements: [], unmeasured: [], answers: { predicted: many } },
    pruned: { metrics: {}, measurements: [], unmeasured: [], answers: shifted, labels: many },
  } as unknown as PairScores
  const { confusion, reliability, changed } = breakdownOf(one, { metric: 'accuracy', aggregate: undefined })
  expect([confusion?.matrix, confusion?.cells.length, reliability, changed?.lost]).toEqual([undefined, 50, undefined, 60])
})

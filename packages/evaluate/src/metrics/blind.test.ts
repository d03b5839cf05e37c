import { valueFrom } from '@pare/gate'
import { expect, test } from 'vitest'
import type { Judged } from './judged-sample.js'
import { findMetric } from './metrics.js'

const row = (...values: number[]) => Float32Array.from(values)
const labelled = (scores: number[], ...label: number[]): Judged => ({ rows: [row(...scores)], label: row(...label) })

function blindOf(name: string, samples: readonly Judged[]) {
  const tally = findMetric(name).blind()
  for (const sample of samples) tally.add(sample)
  const answer = tally.answer()
  return answer && { ...answer, value: valueFrom(answer.samples) }
}

// Labels 2, 1, 1, 2, 1: class 1 is the commonest.
const FIVE = [2, 1, 1, 2, 1].map((label, i) => labelled([1, 2, i], label))

test('of accuracy the best blind answer is the commonest label', () => {
  expect(blindOf('accuracy', FIVE)).toMatchObject({
    answer: 'always answering class 1',
    value: 0.6,
    samples: { kind: 'proportion', correct: [0, 1, 1, 0, 1] },
  })
})

test('of top-k it is the k commonest, and with as many classes as there are it is always right', () => {
  expect(blindOf('top-2', FIVE)).toMatchObject({ answer: 'always answering classes 1 and 2', value: 1 })
  for (const k of [3, 7]) {
    const all = { answer: 'naming all 3 classes', value: 1, cure: 'Measure accuracy, or top-k with fewer classes.' }
    expect(blindOf(`top-${k}`, FIVE)).toMatchObject(all)
  }
})

test('of F1 it is the commonest label, whose own F1 alone counts', () => {
  // Class 1: TP 3, FP 2 → 6/8; class 2: 0. Mean 0.375.
  expect(blindOf('f1', FIVE)).toMatchObject({ answer: 'always answering class 1', value: 0.375 })
})

test('of cross-entropy it is the shares of the labels', () => {
  // −(0.6 log 0.6 + 0.4 log 0.4) = 0.673012
  expect(blindOf('cross-entropy', FIVE)?.value).toBeCloseTo(0.673012, 6)
})

test('of perplexity it is the unigram distribution of the tokens that are predicted', () => {
  const rows = [row(0, 0), row(0, 0), row(0, 0)]
  const samples = [
    { rows, tokens: row(0, 1, 0), scored: row(0, 1, 1) },
    { rows, tokens: row(0, 0, 1), scored: row(0, 1, 0) },
  ]
  // Predicted are 1, 0 and 0: exp((log 3 + 2 log 3/2) ÷ 3) = (3 · 9/4)^⅓
  const blind = blindOf('perplexity', samples)
  expect(blind?.value).toBeCloseTo(6.75 ** (1 / 3), 6)
  expect(blind?.samples).toMatchObject({ kind: 'perplexity', counts: [2, 1] })
})

test('of mse it is the mean of the targets at each place, of mae the median', () => {
  const targets = [
    [0, 10],
    [0, 20],
    [3, 30],
  ]
  const samples = targets.map((target) => labelled([0, 0], ...target))
  // Means 1 and 20: squares 1, 1, 4 and 100, 0, 100.
  expect(blindOf('mse', samples)).toMatchObject({
    answer: 'always answering the mean of the targets',
    samples: { kind: 'mean', values: [101 / 2, 1 / 2, 104 / 2] },
  })
  // Medians 0 and 20: 0, 0, 3 and 10, 0, 10.
  expect(blindOf('mae', samples)).toMatchObject({ samples: { values: [5, 0, 6.5] } })
})

test('targets of different lengths have one mean for all places', () => {
  const samples = [labelled([0], 2), labelled([0, 0], 5, 5)]
  // Of the means 2 and 5 the mean is 3.5.
  expect(blindOf('mae', samples)).toMatchObject({ samples: { values: [1.5, 1.5] } })
})

test('of agreement it is what the reference answers most often, in samples of the same kind', () => {
  const reference = (best: number) => [row(Number(best === 0), Number(best === 1))]
  const samples = [0, 1, 1].map((best) => ({ rows: reference(0), reference: reference(best) }))
  expect(blindOf('agreement', samples)).toMatchObject({
    answer: 'always answering class 1, as the reference mostly does',
    samples: { kind: 'proportion', correct: [0, 1, 1] },
  })
  // Of three rows the first two predict scored tokens.
  const rows = [...reference(0), ...reference(1), ...reference(1)]
  const sequence = { rows, reference: rows, tokens: row(0, 0, 0), scored: row(0, 1, 1) }
  expect(blindOf('agreement', [sequence, sequence])).toMatchObject({ samples: { kind: 'mean', values: [0.5, 0.5] } })
})

test('a distance between models has none', () => {
  expect(blindOf('kl', [{ rows: [row(0, 1)], reference: [row(0, 1)] }])).toBeUndefined()
})

/** Samples whose answers are those given. */
function answering(labels: readonly number[], answers: readonly number[], classes = 4): Judged[] {
  return labels.map((label, i) =>
    labelled(
      Array.from({ length: classes }, (_, one) => Number(one === answers[i])),
      label,
    ),
  )
}

const LABELS = Array.from({ length: 40 }, (_, i) => i % 4)

test.each([
  // 39 of 40 answers fit.
  ['labels + 1 (and 3 → 0)', LABELS.map((label) => (label + 1) % 4)],
  ['labels − 1 (and 0 → 3)', LABELS.map((label) => (label + 3) % 4)],
  ['labels in another order (0 → 2, 1 → 3, 2 → 1, 3 → 0)', LABELS.map((label) => [2, 3, 1, 0][label]!)],
])('%s is named where the answers fit it', (how, right) => {
  const answers = right.map((answer, i) => (i === 0 ? (answer + 2) % 4 : answer))
  for (const metric of ['accuracy', 'top-2', 'f1', 'cross-entropy']) {
    expect(blindOf(metric, answering(LABELS, answers))?.renumbered).toEqual({ how, accuracy: 39 / 40 })
  }
})

test('labels that start at 0 for a model that has a class before them are named without the last', () => {
  const labels = LABELS.map((label) => label % 3)
  const answers = labels.map((label) => label + 1)
  expect(blindOf('accuracy', answering(labels, answers))?.renumbered).toEqual({ how: 'labels + 1', accuracy: 1 })
})

test('no numbering is named for answers that are right, or chance', () => {
  expect(blindOf('accuracy', answering(LABELS, LABELS))?.renumbered).toBeUndefined()
  const chance = LABELS.map((_, i) => Math.floor(i / 10))
  expect(blindOf('accuracy', answering(LABELS, chance))?.renumbered).toBeUndefined()
  // Three answers in three classes always have an order that makes them right.
  expect(blindOf('accuracy', answering([0, 1, 2], [2, 0, 1], 5))?.renumbered).toBeUndefined()
})

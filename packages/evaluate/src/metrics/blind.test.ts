import { type MetricSample, readableSample, type SampleParts, sampleOf, startTally } from '@pare/metric'
import { expect, test } from 'vitest'
import { findMetric } from './find.js'

const row = (...values: number[]) => Float32Array.from(values)
const labelled = (scores: number[], ...label: number[]): MetricSample =>
  sampleOf({ rows: [row(...scores)], label: row(...label) })

async function blindOf(name: string, samples: readonly SampleParts[]) {
  const tally = startTally(await findMetric(name))
  for (const sample of samples) tally.add(readableSample(sampleOf(sample)))
  const { blind, renumbered } = tally.measurement()
  return blind && { ...blind, renumbered }
}

// Labels 2, 1, 1, 2, 1: class 1 is the commonest.
const FIVE = [2, 1, 1, 2, 1].map((label, i) => labelled([1, 2, i], label))

test('of accuracy the best blind answer is the commonest label', async () => {
  expect(await blindOf('accuracy', FIVE)).toMatchObject({
    answer: 'always answering class 1',
    value: 0.6,
    samples: { kind: 'proportion', correct: [0, 1, 1, 0, 1] },
  })
})

test('of top-k it is the k commonest', async () => {
  expect(await blindOf('top-2', FIVE)).toMatchObject({ answer: 'always answering classes 1 and 2', value: 1 })
})

test('of F1 it is the commonest label, whose own F1 alone counts', async () => {
  // Class 1: TP 3, FP 2 → 6/8; class 2: 0. Mean 0.375.
  expect(await blindOf('f1', FIVE)).toMatchObject({ answer: 'always answering class 1', value: 0.375 })
})

test('of cross-entropy it is the shares of the labels', async () => {
  // −(0.6 log 0.6 + 0.4 log 0.4) = 0.673012
  expect((await blindOf('cross-entropy', FIVE))?.value).toBeCloseTo(0.673012, 6)
})

test('of perplexity it is the unigram distribution of the tokens that are predicted', async () => {
  const rows = [row(0, 0), row(0, 0), row(0, 0)]
  const samples = [
    { rows, tokens: row(0, 1, 0), scored: row(0, 1, 1) },
    { rows, tokens: row(0, 0, 1), scored: row(0, 1, 0) },
  ]
  // Predicted are 1, 0 and 0: exp((log 3 + 2 log 3/2) ÷ 3) = (3 · 9/4)^⅓
  const blind = await blindOf('perplexity', samples)
  expect(blind?.value).toBeCloseTo(6.75 ** (1 / 3), 6)
  expect(blind?.samples).toMatchObject({ kind: 'perplexity', counts: [2, 1] })
})

test('of mse it is the mean of the targets at each place, of mae the median', async () => {
  const targets = [
    [0, 10],
    [0, 20],
    [3, 30],
  ]
  const samples = targets.map((target) => labelled([0, 0], ...target))
  // Means 1 and 20: squares 1, 1, 4 and 100, 0, 100.
  expect(await blindOf('mse', samples)).toMatchObject({
    answer: 'always answering the mean of the targets',
    samples: { kind: 'mean', values: [101 / 2, 1 / 2, 104 / 2] },
  })
  // Medians 0 and 20: 0, 0, 3 and 10, 0, 10.
  expect(await blindOf('mae', samples)).toMatchObject({ samples: { values: [5, 0, 6.5] } })
})

test('targets of different lengths have one mean for all places', async () => {
  const samples = [labelled([0], 2), labelled([0, 0], 5, 5)]
  // Of the means 2 and 5 the mean is 3.5.
  expect(await blindOf('mae', samples)).toMatchObject({ samples: { values: [1.5, 1.5] } })
})

test('of agreement it is what the reference answers most often, in samples of the same kind', async () => {
  const reference = (best: number) => [row(Number(best === 0), Number(best === 1))]
  const samples = [0, 1, 1].map((best) => ({ rows: reference(0), reference: reference(best) }))
  expect(await blindOf('agreement', samples)).toMatchObject({
    answer: 'always answering class 1, as the reference mostly does',
    samples: { kind: 'proportion', correct: [0, 1, 1] },
  })
  const rows = [...reference(0), ...reference(1)]
  const sequence = { rows, reference: rows, isSingle: false }
  expect(await blindOf('agreement', [sequence, sequence])).toMatchObject({
    samples: { kind: 'ratio', sums: [1, 1], counts: [2, 2] },
  })
})

test('a distance between models has none', async () => {
  expect(await blindOf('kl', [{ rows: [row(0, 1)], reference: [row(0, 1)] }])).toBeUndefined()
})

/** Samples whose answers are those given. */
function answering(labels: readonly number[], answers: readonly number[], classes = 4): MetricSample[] {
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
])('%s is named where the answers fit it', async (how, right) => {
  const answers = right.map((answer, i) => (i === 0 ? (answer + 2) % 4 : answer))
  for (const metric of ['accuracy', 'top-2', 'f1', 'cross-entropy']) {
    expect((await blindOf(metric, answering(LABELS, answers)))?.renumbered).toEqual({ how, accuracy: 39 / 40 })
  }
})

test('labels that start at 0 for a model that has a class before them are named without the last', async () => {
  const labels = LABELS.map((label) => label % 3)
  const answers = labels.map((label) => label + 1)
  expect((await blindOf('accuracy', answering(labels, answers)))?.renumbered).toEqual({ how: 'labels + 1', accuracy: 1 })
})

test('no numbering is named for answers that are right, or chance', async () => {
  expect((await blindOf('accuracy', answering(LABELS, LABELS)))?.renumbered).toBeUndefined()
  const chance = LABELS.map((_, i) => Math.floor(i / 10))
  expect((await blindOf('accuracy', answering(LABELS, chance)))?.renumbered).toBeUndefined()
  // Three answers in three classes always have an order that makes them right.
  expect((await blindOf('accuracy', answering([0, 1, 2], [2, 0, 1], 5)))?.renumbered).toBeUndefined()
})

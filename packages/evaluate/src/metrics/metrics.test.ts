import { expect, test } from 'vitest'
import type { Judged } from './judged-sample.js'
import { findMetric, startTally } from './metrics.js'

const row = (...values: number[]) => Float32Array.from(values)
const labelled = (scores: number[], ...label: number[]): Judged => ({ rows: [row(...scores)], label: row(...label) })

function measure(name: string, samples: readonly Judged[]) {
  const tally = startTally(findMetric(name))
  expect(samples.map((sample) => tally.add(sample))).toEqual(samples.map(() => true))
  return tally.measurement()
}

// Best classes 2, 0, 1, 0; labels 2, 1, 1, 2: the first and third are right.
const FOUR = [labelled([1, 2, 3], 2), labelled([5, 4, 0], 1), labelled([0, 9, 1], 1), labelled([3, 1, 2], 2)]

test('accuracy is the share of best classes that are the label', () => {
  expect(measure('accuracy', FOUR)).toEqual({
    metric: 'accuracy',
    value: 0.5,
    better: 'higher',
    bounded: true,
    samples: { kind: 'proportion', correct: [1, 0, 1, 0] },
  })
})

test('top-k counts labels among the k best', () => {
  expect(measure('top-2', FOUR)).toMatchObject({ metric: 'top-2', value: 1, samples: { correct: [1, 1, 1, 1] } })
  expect(measure('top-2', [labelled([5, 4, 0], 2), ...FOUR.slice(0, 1)])).toMatchObject({ samples: { correct: [0, 1] } })
})

test('macro F1 is the mean over classes of 2TP ÷ (2TP + FP + FN)', () => {
  // Class 0: TP 0 (predicted twice) → 0. Class 1: TP 1, FN 1 → 2/3. Class 2: TP 1, FN 1 → 2/3. Mean 4/9.
  const measurement = measure('f1', FOUR)
  expect(measurement.value).toBeCloseTo(4 / 9, 12)
  expect(measurement.samples).toEqual({ kind: 'f1', predicted: [2, 0, 1, 0], label: [2, 1, 1, 2] })
})

test('cross-entropy is the mean of −log p(label)', () => {
  // softmax(0, log 3) = (¼, ¾): −log ¾ and −log ¼, mean (0.28768 + 1.38629) ÷ 2
  const measurement = measure('cross-entropy', [labelled([0, Math.log(3)], 1), labelled([0, Math.log(3)], 0)])
  expect(measurement.value).toBeCloseTo(0.836988, 6)
  expect(measurement).toMatchObject({ better: 'lower', bounded: false, samples: { kind: 'mean' } })
})

test('an output whose rows are all distributions is taken as probabilities', () => {
  expect(measure('cross-entropy', [labelled([0.25, 0.75], 1), labelled([0.25, 0.75], 0)]).value).toBeCloseTo(0.836988, 6)
})

test('one row that is no distribution makes all of them logits', () => {
  // (0.25, 0.75) as logits: log(1 + e^−½) = 0.474077; (0, 0): log 2
  expect(measure('cross-entropy', [labelled([0.25, 0.75], 1), labelled([0, 0], 0)]).value).toBeCloseTo(
    (0.474077 + Math.LN2) / 2,
    6,
  )
})

test('perplexity is exp of the mean −log p of the scored tokens, each from the row before it', () => {
  const uniform = row(0, 0)
  const sharp = row(0, Math.log(3))
  const samples: Judged[] = [
    // Token 1 = 1 from row 0 (¾), token 2 = 0 from row 1 (½).
    { rows: [sharp, uniform, uniform], tokens: row(0, 1, 0), scored: row(0, 1, 1) },
    // Only token 1 = 0 from row 0 (¼).
    { rows: [sharp, uniform, uniform], tokens: row(0, 0, 0), scored: row(0, 1, 0) },
  ]
  const { value, samples: kept } = measure('perplexity', samples)
  // (¾ · ½ · ¼)^(−⅓) = (3/32)^(−⅓) = 2.2013
  expect(value).toBeCloseTo((3 / 32) ** (-1 / 3), 6)
  expect(kept).toMatchObject({ kind: 'perplexity', counts: [2, 1] })
})

test('mean squared and mean absolute error', () => {
  // Differences 1 and −3: squares (1 + 9) ÷ 2 = 5, absolutes 2; then 2: 4 and 2 (twice the same)
  const samples = [labelled([2, 1], 1, 4), labelled([2, 2], 0, 0)]
  expect(measure('mse', samples)).toMatchObject({ value: 4.5, samples: { kind: 'mean', values: [5, 4] } })
  expect(measure('mae', samples)).toMatchObject({ value: 2, samples: { values: [2, 2] } })
})

test('agreement compares best classes with the reference’s', () => {
  const samples = [
    { rows: [row(1, 2)], reference: [row(3, 4)] },
    { rows: [row(1, 2)], reference: [row(4, 3)] },
  ]
  expect(measure('agreement', samples)).toMatchObject({ value: 0.5, samples: { kind: 'proportion', correct: [1, 0] } })
})

test('agreement of a sequence is the share of positions that predict a scored token', () => {
  const sample = {
    rows: [row(1, 2), row(1, 2), row(1, 2)],
    reference: [row(1, 2), row(2, 1), row(2, 1)],
    tokens: row(0, 0, 0),
    scored: row(0, 1, 1),
  }
  expect(measure('agreement', [sample])).toMatchObject({ value: 0.5, samples: { kind: 'mean', values: [0.5] } })
  // A sequence that agrees everywhere is still a mean, so that two measurements of one data set are of one kind.
  expect(measure('agreement', [{ ...sample, rows: sample.reference }])).toMatchObject({
    value: 1,
    samples: { kind: 'mean', values: [1] },
  })
})

test('KL divergence from the reference', () => {
  // KL((½, ½) ‖ (¼, ¾)) = 0.143841
  const sample = { rows: [row(0, Math.log(3))], reference: [row(0, 0)] }
  expect(measure('kl', [sample]).value).toBeCloseTo(0.143841, 6)
})

test.each([
  'accuracy',
  'top-2',
  'f1',
  'cross-entropy',
  'perplexity',
  'mse',
  'mae',
  'agreement',
  'kl',
])('%s refuses a sample with NaN', (name) => {
  const bad = row(1, Number.NaN)
  const sample = {
    rows: [bad, bad],
    reference: [row(1, 2), row(1, 2)],
    label: row(0, 0, 0, 0),
    tokens: row(0, 0),
    scored: row(0, 1),
  }
  expect(startTally(findMetric(name)).add(sample)).toBe(false)
})

test('an unknown metric is refused with the known ones', () => {
  expect(() => findMetric('acuracy')).toThrow("metric 'acuracy' is unknown.")
  for (const name of ['top-0', 'top-k', 'constructor']) expect(() => findMetric(name)).toThrow('is unknown')
})

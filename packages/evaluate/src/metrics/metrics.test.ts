import { type MetricSample, readableSample, type SampleParts, sampleOf, startTally } from '@pare/metric'
import { expect, test } from 'vitest'
import { findMetric } from './find.js'

const row = (...values: number[]) => Float32Array.from(values)
const labelled = (scores: number[], ...label: number[]): MetricSample =>
  sampleOf({ rows: [row(...scores)], label: row(...label) })

async function measure(name: string, samples: readonly SampleParts[]) {
  const tally = startTally(await findMetric(name))
  expect(samples.map((sample) => tally.add(readableSample(sampleOf(sample))))).toEqual(samples.map(() => true))
  const { blind: _, renumbered: __, ...measurement } = tally.measurement()
  return measurement
}

// Best classes 2, 0, 1, 0; labels 2, 1, 1, 2: the first and third are right.
const FOUR = [labelled([1, 2, 3], 2), labelled([5, 4, 0], 1), labelled([0, 9, 1], 1), labelled([3, 1, 2], 2)]

test('accuracy is the share of best classes that are the label', async () => {
  expect(await measure('accuracy', FOUR)).toEqual({
    metric: 'accuracy',
    value: 0.5,
    better: 'higher',
    bounded: true,
    samples: { kind: 'proportion', correct: [1, 0, 1, 0] },
  })
})

test('top-k counts labels among the k best', async () => {
  expect(await measure('top-2', FOUR)).toMatchObject({ metric: 'top-2', value: 1, samples: { correct: [1, 1, 1, 1] } })
  expect(await measure('top-2', [labelled([5, 4, 0], 2), ...FOUR.slice(0, 1)])).toMatchObject({ samples: { correct: [0, 1] } })
})

test('macro F1 is the mean over classes of 2TP ÷ (2TP + FP + FN)', async () => {
  // Class 0: TP 0 (predicted twice) → 0. Class 1: TP 1, FN 1 → 2/3. Class 2: TP 1, FN 1 → 2/3. Mean 4/9.
  const measurement = await measure('f1', FOUR)
  expect(measurement.value).toBeCloseTo(4 / 9, 12)
  expect(measurement.samples).toEqual({ kind: 'f1', predicted: [2, 0, 1, 0], label: [2, 1, 1, 2] })
})

test('cross-entropy is the mean of −log p(label)', async () => {
  // softmax(0, log 3) = (¼, ¾): −log ¾ and −log ¼, mean (0.28768 + 1.38629) ÷ 2
  const measurement = await measure('cross-entropy', [labelled([0, Math.log(3)], 1), labelled([0, Math.log(3)], 0)])
  expect(measurement.value).toBeCloseTo(0.836988, 6)
  expect(measurement).toMatchObject({ better: 'lower', bounded: false, samples: { kind: 'mean' } })
})

test('an output whose rows are all distributions is taken as probabilities', async () => {
  expect((await measure('cross-entropy', [labelled([0.25, 0.75], 1), labelled([0.25, 0.75], 0)])).value).toBeCloseTo(0.836988, 6)
})

test('one row that is no distribution makes all of them logits', async () => {
  // (0.25, 0.75) as logits: log(1 + e^−½) = 0.474077; (0, 0): log 2
  expect((await measure('cross-entropy', [labelled([0.25, 0.75], 1), labelled([0, 0], 0)])).value).toBeCloseTo(
    (0.474077 + Math.LN2) / 2,
    6,
  )
})

test('perplexity is exp of the mean −log p of the scored tokens, each from the row before it', async () => {
  const uniform = row(0, 0)
  const sharp = row(0, Math.log(3))
  const samples: SampleParts[] = [
    // Token 1 = 1 from row 0 (¾), token 2 = 0 from row 1 (½).
    { rows: [sharp, uniform, uniform], tokens: row(0, 1, 0), scored: row(0, 1, 1) },
    // Only token 1 = 0 from row 0 (¼).
    { rows: [sharp, uniform, uniform], tokens: row(0, 0, 0), scored: row(0, 1, 0) },
  ]
  const { value, samples: kept } = await measure('perplexity', samples)
  // (¾ · ½ · ¼)^(−⅓) = (3/32)^(−⅓) = 2.2013
  expect(value).toBeCloseTo((3 / 32) ** (-1 / 3), 6)
  expect(kept).toMatchObject({ kind: 'perplexity', counts: [2, 1] })
})

test('mean squared and mean absolute error', async () => {
  // Differences 1 and −3: squares (1 + 9) ÷ 2 = 5, absolutes 2; then 2: 4 and 2 (twice the same)
  const samples = [labelled([2, 1], 1, 4), labelled([2, 2], 0, 0)]
  expect(await measure('mse', samples)).toMatchObject({ value: 4.5, samples: { kind: 'mean', values: [5, 4] } })
  expect(await measure('mae', samples)).toMatchObject({ value: 2, samples: { values: [2, 2] } })
})

test('agreement compares best classes with the reference’s', async () => {
  const samples = [
    { rows: [row(1, 2)], reference: [row(3, 4)] },
    { rows: [row(1, 2)], reference: [row(4, 3)] },
  ]
  expect(await measure('agreement', samples)).toMatchObject({ value: 0.5, samples: { kind: 'proportion', correct: [1, 0] } })
})

test('agreement of a sequence is the share of its places', async () => {
  const sample = { rows: [row(1, 2), row(1, 2)], reference: [row(1, 2), row(2, 1)], isSingle: false }
  expect(await measure('agreement', [sample])).toMatchObject({ value: 0.5, samples: { kind: 'ratio', sums: [1], counts: [2] } })
  // A sequence that agrees everywhere is still a ratio, so that two measurements of one data set are of one kind.
  expect(await measure('agreement', [{ ...sample, rows: sample.reference }])).toMatchObject({
    value: 1,
    samples: { kind: 'ratio', sums: [2], counts: [2] },
  })
})

test('KL divergence from the reference', async () => {
  // KL((½, ½) ‖ (¼, ¾)) = 0.143841
  const sample = { rows: [row(0, Math.log(3))], reference: [row(0, 0)] }
  expect((await measure('kl', [sample])).value).toBeCloseTo(0.143841, 6)
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
])('%s refuses a sample with NaN', async (name) => {
  const bad = row(1, Number.NaN, 0)
  const sample = {
    rows: [bad, bad],
    reference: [row(1, 2, 0), row(1, 2, 0)],
    label: row(0, 0, 0, 0),
    tokens: row(0, 0),
    scored: row(0, 1),
  }
  expect(startTally(await findMetric(name)).add(readableSample(sampleOf(sample)))).toBe(false)
})

test('an unknown metric is refused with the known ones', async () => {
  await expect(findMetric('acuracy')).rejects.toThrow("metric 'acuracy' is unknown.")
  for (const name of ['constructor', ':k=2', 'kl-5']) await expect(findMetric(name)).rejects.toThrow('is unknown')
})

test.each([
  ['top-0', 'metric top-k: k is 0; a whole number from 1 on was expected.'],
  ['top-k', 'metric top-k: k is missing; a whole number from 1 on was expected.'],
  ['accuracy:k=5', "metric accuracy has no option 'k' (5)."],
  ['f1:average', "option 'average' is not of the form name=value."],
  ['f1:average=mikro', 'metric f1: average is "mikro"; macro, micro, weighted or binary was expected.'],
])('%s is refused', async (written, message) => {
  await expect(findMetric(written)).rejects.toMatchObject({
    message: expect.stringContaining(message),
    hint: expect.any(String),
  })
})

test('top-k of as many classes as there are is always right, and refused', async () => {
  for (const written of ['top-3', 'top-k:k=7'])
    await expect(measure(written, FOUR)).rejects.toThrow('the model has 3 classes, so the label is always among')
})

import { startTally } from '@pare/metric'
import { describe, expect, test } from 'vitest'
import type { NdArray } from '../data/ndarray.js'
import { array } from '../fixture.test.files.js'
import { findMetric } from './find.js'
import { judgeBatch } from './judged.js'
import { type BatchOutcome, type ReadingOptions, startContext } from './outcome.js'

const f32 = (shape: readonly number[], values: readonly number[]) => array('float32', shape, values)
const i64 = (shape: readonly number[], values: readonly number[]) => array('int64', shape, values)
const words = (shape: readonly number[], values: readonly string[]) =>
  ({ type: 'string', shape, data: values }) as unknown as NdArray

/** The value of a metric where a model puts out `output` for data labelled `label`. */
async function measure(
  written: string,
  {
    output,
    label,
    reference,
    ids,
    outputs,
    ...options
  }: ReadingOptions &
    Pick<BatchOutcome, 'output' | 'reference' | 'outputs'> & { readonly label?: NdArray; readonly ids?: NdArray },
) {
  const metric = await findMetric(written)
  const size = output.shape[0]!
  const batch = {
    first: 0,
    size,
    inputs: ids ? { input_ids: ids } : {},
    ...(ids && { tokens: 'input_ids' }),
    ...(label && { label }),
  }
  const context = startContext(options)
  const outcome = { batch, name: 'y', output, context, ...(reference && { reference }), ...(outputs && { outputs }) }
  const tally = startTally(metric)
  for (const sample of judgeBatch(outcome, [metric])[0]!) expect(tally.add(sample)).toBe(true)
  return tally.measurement()
}

const value = async (...args: Parameters<typeof measure>) => (await measure(...args)).value

describe('one number a sample is yes or no', () => {
  const label = i64([4], [0, 1, 1, 0])
  test.each([
    ['probabilities', [0.2, 0.7, 0.4, 0.1]],
    ['logits', [-2, 3, -0.1, -4]],
  ])('as %s', async (_, scores) => {
    for (const shape of [[4], [4, 1]]) {
      expect(await value('accuracy', { output: f32(shape, scores), label })).toBe(0.75)
      expect(await value('accuracy', { output: f32(shape, scores), label: i64([4, 1], [0, 1, 1, 0]) })).toBe(0.75)
      // Every yes above every no.
      expect(await value('auc', { output: f32(shape, scores), label })).toBe(1)
      // Class 1: one hit, one missed: 2/3; class 0: two hits, one wrong: 4/5.
      expect(await value('f1', { output: f32(shape, scores), label })).toBeCloseTo((2 / 3 + 4 / 5) / 2, 12)
    }
  })

  test('likelihoods by hand', async () => {
    // −(log 0.8 + log 0.7) ÷ 2, and of a logit 0 on both sides log 2.
    expect(await value('cross-entropy', { output: f32([2], [0.2, 0.7]), label: i64([2], [0, 1]) })).toBeCloseTo(
      -(Math.log(0.8) + Math.log(0.7)) / 2,
      6,
    )
    expect(await value('cross-entropy', { output: f32([2], [0, 2]), label: i64([2], [0, 1]) })).toBeCloseTo(
      (Math.LN2 + Math.log(1 + Math.exp(-2))) / 2,
      6,
    )
  })
})

describe('classes at each place', () => {
  // Best classes 1, 0, 1 and 0, 0, 1.
  const rows = [0, 1, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1]
  const label = i64([2, 3], [1, 0, -100, 0, 1, 1])

  test('tokens, their classes last or first, and labels that are ignored', async () => {
    const last = f32([2, 3, 2], rows)
    const { value: own, samples } = await measure('accuracy', { output: last, label })
    expect(own).toBe(0.8)
    expect(samples).toEqual({ kind: 'ratio', sums: [2, 2], counts: [2, 3] })
    const first = f32([2, 2, 3], [0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 1])
    expect(await value('accuracy', { output: first, label })).toBe(0.8)
    expect(await value('accuracy', { output: last, label, ignore: [1] })).toBe(1)
  })

  test('a sample of which nothing counts stays in its place', async () => {
    const nothing = i64([2, 3], [-100, -100, -100, 0, 1, 1])
    expect(await measure('accuracy', { output: f32([2, 3, 2], rows), label: nothing })).toMatchObject({
      value: 2 / 3,
      samples: { kind: 'ratio', sums: [0, 2], counts: [0, 3] },
    })
  })

  test('pixels, 255 being no class', async () => {
    // Class 0 of four pixels, then class 1, and a third: best 1, 0, 1, 0.
    const output = f32([1, 3, 2, 2], [0, 1, 0, 1, 1, 0, 1, 0, -9, -9, -9, -9])
    const pixels = i64([1, 2, 2], [1, 0, 255, 1])
    expect(await value('accuracy', { output, label: pixels })).toBeCloseTo(2 / 3, 12)
    // Class 0: 1 ÷ (1 + 1); class 1: 1 ÷ (1 + 1).
    expect(await value('iou', { output, label: pixels })).toBe(0.5)
    expect(await value('dice', { output, label: pixels })).toBeCloseTo(2 / 3, 12)
    expect(await value('accuracy', { output, label: i64([1, 1, 2, 2], [1, 0, 255, 1]) })).toBeCloseTo(2 / 3, 12)
  })

  test('one number a pixel', async () => {
    const output = f32([1, 1, 2, 2], [0.9, 0.2, 0.6, 0.4])
    expect(await value('accuracy', { output, label: i64([1, 2, 2], [1, 0, 0, 0]) })).toBe(0.75)
  })

  test('as many places as classes is said to be unclear, unless the axis is stated', async () => {
    const output = f32([1, 2, 2], [1, 0, 0, 1])
    const square = i64([1, 2], [0, 1])
    await expect(measure('accuracy', { output, label: square })).rejects.toThrow(
      'which of its axes counts the classes does not show',
    )
    expect(await value('accuracy', { output, label: square, classAxis: -1 })).toBe(1)
    await expect(measure('accuracy', { output, label: square, classAxis: 3 })).rejects.toThrow('classAxis is 3')
  })
})

describe('labels', () => {
  test('one-hot labels are classes, several at once are not', async () => {
    const output = f32([2, 3], [3, 1, 2, 0, 1, 5])
    expect(await value('accuracy', { output, label: i64([2, 3], [1, 0, 0, 0, 1, 0]) })).toBe(0.5)
    const many = i64([2, 3], [1, 0, 1, 0, 0, 0])
    await expect(measure('accuracy', { output, label: many })).rejects.toThrow(
      'sample 0 has several labels or none, and this metric takes one: measure f1:average=micro',
    )
    // Of logits those above 0: 3 of 3 hit where 2 are; then two, where none is. TP 2, FP 3.
    expect(await value('f1:average=micro', { output, label: many })).toBeCloseTo(4 / 7, 12)
    expect(await value('precision:average=micro', { output, label: many })).toBeCloseTo(2 / 5, 12)
  })

  test('one-hot labels of all samples are one class each for f1, too', async () => {
    const output = f32([2, 2], [3, 1, 1, 2])
    expect(await measure('f1', { output, label: i64([2, 2], [1, 0, 0, 1]) })).toMatchObject({ value: 1, samples: { kind: 'f1' } })
  })

  test('names are classes by their list', async () => {
    const output = f32([3, 2], [1, 0, 0, 1, 1, 0])
    const label = words([3], ['cat', 'dog', 'dog'])
    expect(await value('accuracy', { output, label, names: ['cat', 'dog'] })).toBeCloseTo(2 / 3, 12)
    await expect(measure('accuracy', { output, label })).rejects.toThrow(
      "labels are names ('cat'), and the model answers with numbers: list its classes in order, classes: [cat, dog].",
    )
    await expect(measure('accuracy', { output, label, names: ['cat'] })).resolves.toBeDefined()
    await expect(measure('accuracy', { output, label: words([3], ['a', 'b', 'c']), names: ['a', 'b'] })).rejects.toThrow(
      "label 'c' of sample 2 is not one of the model's 2 classes",
    )
  })

  test('a model that answers with classes, by number or by name', async () => {
    const label = i64([4], [3, 1, 1, 2])
    const output = i64([4], [3, 1, 2, 2])
    expect(await measure('accuracy', { output, label })).toMatchObject({ value: 0.75, blind: { value: 0.5 } })
    // Classes 1, 2 and 3: 2/3, 2/3, 1.
    expect(await value('f1', { output, label })).toBeCloseTo(7 / 9, 12)
    await expect(measure('cross-entropy', { output, label })).rejects.toThrow(
      'expected scores, and these are classes already. Measure accuracy or f1, or name the output with the scores (--output probabilities)',
    )
    const named = { output: words([2], ['a', 'b']), label: words([2], ['b', 'b']) }
    expect(await value('accuracy', named)).toBe(0.5)
  })
})

describe('without labels', () => {
  const output = f32([1, 2, 3], [1, 2, 3, 3, 2, 1])
  const reference = f32([1, 2, 3], [1, 2, 3, 1, 2, 3])
  test('which axis counts the classes must be known', async () => {
    await expect(measure('agreement', { output, reference })).rejects.toThrow(
      "output 'y' is float32[1, 2, 3], and which of its axes",
    )
    expect(await value('agreement', { output, reference, classAxis: 2 })).toBe(0.5)
    // Best of the first axis: 1, 0, 0 and 0, 0, 0.
    expect(await value('agreement', { output, reference, classAxis: 1 })).toBeCloseTo(2 / 3, 12)
    expect(await value('agreement', { output, reference, ids: i64([1, 2], [0, 0]) })).toBe(1)
  })

  test('numbers before the classes are left out, on any axis', async () => {
    // Two numbers of a box, then three classes, at two places.
    const [own, other] = [
      [9, 0, 0, 9, 1, 0, 2, 1, 0, 2],
      [0, 9, 9, 0, 1, 0, 2, 3, 0, 2],
    ]
    const inner = { output: f32([1, 5, 2], own), reference: f32([1, 5, 2], other), classAxis: 1 }
    // Classes (1, 2, 0) and (0, 1, 2) at the two places; the other model's (1, 2, 0) and (0, 3, 2).
    expect(await value('agreement', { ...inner, firstClass: 2 })).toBe(0.5)
    expect(await value('agreement', inner)).toBe(0)
    const turned = (flat: readonly number[]) => [0, 1].flatMap((place) => [0, 1, 2, 3, 4].map((one) => flat[one * 2 + place]!))
    const last = { output: f32([1, 2, 5], turned(own)), reference: f32([1, 2, 5], turned(other)), classAxis: -1 }
    expect(await value('kl', { ...last, firstClass: 2 })).toBeCloseTo(await value('kl', { ...inner, firstClass: 2 }), 12)
    await expect(measure('agreement', { ...inner, firstClass: 4 })).rejects.toThrow('firstClass is 4')
  })

  test('numbers and vectors are compared with those of the reference', async () => {
    const [a, b] = [f32([2, 2], [1, 0, 0, 2]), f32([2, 2], [2, 0, 1, 0])]
    expect(await value('mse:against=reference', { output: a, reference: b })).toBe((1 + 0 + 1 + 4) / 4)
    expect(await value('cosine:against=reference', { output: a, reference: b })).toBe(0.5)
    await expect(measure('mse:against=reference', { output: a })).rejects.toThrow(
      'compares with a reference model, and none is named',
    )
  })
})

test('two towers are compared by their cosine with a score', async () => {
  const output = f32([3, 2], [1, 0, 0, 2, 3, 4])
  const outputs = { y: output, z: f32([3, 2], [1, 0, 1, 0, 4, 3]) }
  // Cosines 1, 0 and 24 ÷ 25.
  const label = f32([3], [1, 0.5, 0.96])
  expect(await value('mse:with=z', { output, outputs, label })).toBeCloseTo(0.25 / 3, 6)
  expect(await value('spearman:with=z', { output, outputs, label })).toBe(1)
  await expect(measure('mse:with=w', { output, outputs, label })).rejects.toThrow(
    "with names 'w', expected another output than 'y': one of y, z",
  )
  await expect(measure('mse:with=z', { output, outputs: { ...outputs, z: label }, label })).rejects.toThrow(
    "output 'y' is float32[3, 2], 'z' is float32[3], expected two of one shape",
  )
  await expect(measure('mse:with=z,against=reference', { output, outputs, label })).rejects.toThrow('with=z compares with labels')
  await expect(measure('cosine:with=z', { output, outputs, label })).rejects.toThrow("has no option 'with'")
})

test('targets that are NaN are left out', async () => {
  const label = f32([3, 2], [1, Number.NaN, Number.NaN, Number.NaN, 0, 4])
  expect(await measure('mse', { output: f32([3, 2], [3, 9, 9, 9, 0, 2]), label })).toMatchObject({
    value: (4 + 2) / 2,
    samples: { kind: 'ratio', sums: [4, 0, 2], counts: [1, 0, 1] },
  })
})

test('boxes in one output, or in three', async () => {
  const label = f32([1, 2, 5], [0, 0, 10, 10, 1, 0, 0, 0, 0, -1])
  const output = f32([1, 2, 6], [0, 0, 10, 10, 0.9, 1, 0, 0, 0, 0, 0, -1])
  expect(await value('map', { output, label })).toBe(1)
  const outputs = { boxes: f32([1, 1, 4], [0, 0, 10, 10]), scores: f32([1, 1], [0.9]), labels: i64([1, 1], [1]) }
  expect(await value('map', { output: outputs.boxes, outputs, label })).toBe(1)
  await expect(measure('map', { output: outputs.boxes, label })).rejects.toThrow('expected [samples, boxes, 6]')
})

test('text, with one way to write it or several', async () => {
  const output = words([2], ['a b', 'c'])
  expect(await value('exact-match', { output, label: words([2], ['a b', 'd']) })).toBe(0.5)
  expect(await value('wer', { output, label: words([2, 2], ['a b', 'x', 'd', 'c']) })).toBe(0)
  await expect(measure('wer', { output: i64([2, 1], [3, 4]), label: words([2], ['a', 'b']) })).rejects.toThrow(
    'token ids are read with a tokenizer: name it',
  )
})

test('recall of neighbours takes any label', async () => {
  const output = f32([4, 2], [1, 0, 2, 0.1, 0, 1, 0.1, 3])
  expect(await value('recall-at-1', { output, label: words([4], ['a', 'a', 'b', 'b']) })).toBe(1)
})

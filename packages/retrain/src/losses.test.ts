import type { Batch, NdArray } from '@pare/evaluate'
import { describe, expect, test } from 'vitest'
import { checkClasses, chooseLoss, targetOf } from './losses.js'

const floats = (shape: number[], data: number[]): NdArray => ({ type: 'float32', shape, data: Float32Array.from(data) })
const bytes = (shape: number[], data: number[]): NdArray => ({ type: 'uint8', shape, data: Uint8Array.from(data) })
const ids = (shape: number[], data: number[]): NdArray => ({ type: 'int64', shape, data: BigInt64Array.from(data, BigInt) })
const image: Batch = { first: 0, size: 2, inputs: { x: floats([2, 1], [0, 1]) } }
const labelled: Batch = { ...image, label: bytes([2], [3, 1]) }
const text: Batch = { first: 0, size: 1, inputs: { ids: ids([1, 4], [5, 6, 7, 8]) }, tokens: 'ids' }
const ask = (sample: Batch, more: object = {}) =>
  chooseLoss({ setting: undefined, output: 'logits', sample, distill: undefined, ...more })

describe('the loss is chosen by model and data', () => {
  test.each([
    ['whole-numbered labels', labelled, {}, 'cross-entropy', 'the labels are whole numbers'],
    ['fractions', { ...image, label: floats([2], [0.5, 1]) }, {}, 'mse', 'the labels are fractions'],
    ['text', text, {}, 'next-token', 'the data are text without labels'],
    ['text with labels', { ...text, label: bytes([1], [0]) }, {}, 'cross-entropy', 'the labels are whole numbers'],
    ['a teacher alone', image, { distill: {} }, 'kl', 'there is a teacher, and there are no labels'],
    ['what was said', labelled, { setting: 'mse' }, 'mse', 'as was said'],
  ])('%s', (_, sample, more, kind, why) => {
    expect(ask(sample as Batch, more)).toMatchObject({ kind, why })
  })

  test('with a teacher, both count', () => {
    const { parts, teacher } = ask(labelled, {
      distill: { temperature: 4, weight: 0.75, hidden: [['h', 'h2']], hiddenWeight: 2 },
    })
    expect(parts).toEqual([
      { kind: 'cross-entropy', output: 'logits', target: 'pare/target', ignore: -100, weight: 0.25 },
      { kind: 'kl', output: 'logits', target: 'pare/teacher', temperature: 4, weight: 0.75 },
      { kind: 'mse', output: 'h2', target: 'pare/teacher/h', weight: 2 },
    ])
    expect([...teacher]).toEqual([
      ['logits', 'pare/teacher'],
      ['h', 'pare/teacher/h'],
    ])
    expect(ask(labelled, { distill: { weight: 1 } }).parts.map(({ kind }) => kind)).toEqual(['kl'])
    expect(ask(image, { distill: { weight: 0.1 } }).parts).toMatchObject([{ kind: 'kl', weight: 1 }])
  })

  test('nothing to learn from, and what does not go together, is an error', () => {
    expect(() => ask(image)).toThrow('there is nothing to learn from')
    expect(() => ask(image, { setting: 'mse' })).toThrow("'mse' needs labels, and the data have none")
    expect(() => ask(labelled, { setting: 'kl' })).toThrow("'kl' needs a teacher")
    expect(() => ask(labelled, { setting: 'next-token' })).toThrow("'next-token' needs token ids")
    expect(() => ask({ ...image, label: floats([2], [0.5, 1]) }, { setting: 'cross-entropy' })).toThrow('the labels are f')
  })
})

describe('targets', () => {
  test('classes are i64, and −100 does not count', () => {
    const label: NdArray = { type: 'int8', shape: [3], data: Int8Array.of(2, -100, 1) }
    expect(targetOf('cross-entropy', { ...image, size: 3, label })).toEqual({ target: ids([3], [2, -100, 1]), count: 2 })
  })

  test('a token that only fills up is not predicted, nor is the first', () => {
    expect(targetOf('next-token', text)).toEqual({ target: ids([1, 4], [-100, 6, 7, 8]), count: 3 })
    const masked = { ...text, inputs: { ...text.inputs, attention_mask: bytes([1, 4], [0, 1, 1, 0]) } }
    // The second has nothing before it that counts.
    expect(targetOf('next-token', masked)).toEqual({ target: ids([1, 4], [-100, -100, 7, -100]), count: 1 })
    const scored: NdArray = { type: 'bool', shape: [1, 4], data: Uint8Array.of(0, 0, 0, 1) }
    expect(targetOf('next-token', { ...text, scored })).toEqual({ target: ids([1, 4], [-100, -100, -100, 8]), count: 1 })
  })

  test('values are f32', () => {
    const label = floats([2, 1], [0.5, 1])
    expect(targetOf('mse', { ...image, label })).toEqual({ target: label, count: 2 })
  })
})

test('a label or token that is no class is named with its sample', () => {
  const numbers = [40, 7]
  expect(() => checkClasses('cross-entropy', labelled, { classes: 4, numbers })).not.toThrow()
  expect(() => checkClasses('cross-entropy', labelled, { classes: 3, numbers })).toThrow(
    "sample 40 has the label 3, and the model's 3 classes are 0 to 2.",
  )
  const negative: Batch = { ...image, label: { type: 'int8', shape: [2], data: Int8Array.of(0, -1) } }
  expect(() => checkClasses('cross-entropy', negative, { classes: 3, numbers })).toThrow('sample 7 has the label -1')
  expect(() => checkClasses('next-token', text, { classes: 8, numbers: [3] })).toThrow('sample 3 has the token 8')
})

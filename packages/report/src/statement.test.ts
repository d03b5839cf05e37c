import { describe, expect, test } from 'vitest'
import { example, withLayers } from './sample.test.data.js'
import { allowedDrop, byUrgency, demands, dropText, explanation, headline } from './statement.js'

const plain = (text: string) => text.replaceAll('\u00a0', ' ')

describe('headline', () => {
  test('names a single model', () => {
    expect(headline(example('failing'))).toBe('mnist-resnet20-bn.onnx failed')
    expect(headline(example('passing'))).toBe('mlp-digits.onnx passed')
    expect(headline(example('incomplete'))).toBe('detector.onnx has no complete verdict')
  })

  test('counts several', () => {
    expect(headline(example('several-models'))).toBe('1 failed, 1 incomplete of 4 models')
    const [model] = example('passing').models
    expect(headline({ ...example('passing'), models: [model!, model!] })).toBe('All 2 models passed')
  })

  test('is no praise where nothing ran, or a shard is missing', () => {
    const [model] = example('passing').models
    expect(headline({ ...example('passing'), models: [] })).toBe('No model was run')
    expect(headline({ ...example('passing'), verdict: 'incomplete', models: [model!, model!] })).toBe('The run is incomplete')
  })
})

test('an error explains more than the missing measurement', () => {
  expect(explanation(example('incomplete').models[0]!)).toContain('is a Git LFS pointer, not the file it stands for.')
  expect(explanation(withLayers(1))).toContain('accuracy fell by 0.003, from 0.984 to 0.981; allowed is at most 0.002.')
})

test('limits read like limits', () => {
  const limits = (one: object) => demands(withLayers(1, { limits: one })).map(plain)
  expect(limits({ maxDrop: 0.002, min: 0.97 })).toEqual(['drop ≤ 0.002', 'accuracy ≥ 0.97'])
  expect(limits({ maxDrop: { relative: 0.01 }, certainty: 0.95, max: 30 })).toEqual(['drop ≤ 1 %, 95 % certain', 'accuracy ≤ 30'])
})

test('a relative limit is shown in the metric’s own units too', () => {
  const model = withLayers(1, { limits: { maxDrop: { relative: 0.01 } } })
  expect(allowedDrop(model)).toBeCloseTo(0.00984, 10)
  expect(plain(dropText(model)!)).toBe('0.003 (0.305 %)')
})

test('what failed comes first', () => {
  expect(byUrgency(example('several-models').models).map(({ verdict }) => verdict)).toEqual([
    'fail',
    'incomplete',
    'pass',
    'pass',
  ])
})

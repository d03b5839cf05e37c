import { describe, expect, test } from 'vitest'
import { baselineMarkdown, baselineSentence, baselineTable } from './baselines.js'
import type { ModelResult } from './results/results.js'

interface Baseline {
  readonly drop: number
  readonly zipped: number
}

function model(pruned: Baseline, ...others: Baseline[]): ModelResult {
  const drop = (value: number) => ({ value, interval: [value - 0.01, value + 0.01] as [number, number] })
  return {
    ...{ path: 'a.onnx', verdict: 'pass', reasons: [], metric: 'accuracy' },
    reference: { path: 'a.onnx', bytes: 4e6, zippedBytes: 3.9e6, metrics: { accuracy: 0.9 } },
    pruned: { path: 'b.onnx', bytes: 4e6, zippedBytes: pruned.zipped, metrics: { accuracy: 0.9 - pruned.drop } },
    drop: { metric: 'accuracy', method: 'exact', ...drop(pruned.drop) },
    baselines: others.map((one, i) => ({
      ...{ method: ['int8', 'int4'][i]!, bytes: 1e6, zippedBytes: one.zipped },
      ...{ metrics: { accuracy: 0.9 - one.drop }, drop: drop(one.drop), latency: { relative: 0.62, interval: [0.6, 0.65] } },
    })),
  }
}

describe('what a user should take', () => {
  test.each<[string, Baseline, Baseline[], string]>([
    [
      'the unpruned model in fewer bits, where it is smaller and loses no more',
      { drop: 0.01, zipped: 2e6 },
      [
        { drop: 0.01, zipped: 1e6 },
        { drop: 0.005, zipped: 0.6e6 },
      ],
      'Unpruned in int4 is smaller (600 kB against 2 MB zipped) and loses less (0.005 against 0.01): take that, or prune more and quantise what is left.',
    ],
    [
      'the pruned one, where it is smaller than all and loses no more',
      { drop: -0.001, zipped: 0.5e6 },
      [
        { drop: 0, zipped: 1e6 },
        { drop: 0.02, zipped: 0.6e6 },
      ],
      'The pruned model is smaller than unpruned in int8 and unpruned in int4, and loses no more: take it.',
    ],
    [
      'either, where one is smaller and the other better',
      { drop: 0.02, zipped: 0.5e6 },
      [
        { drop: -0.01, zipped: 1e6 },
        { drop: 0.01, zipped: 0.6e6 },
      ],
      'The pruned model is the smallest (500 kB zipped) and loses 0.02; unpruned in int4 takes 600 kB and loses 0.01.',
    ],
    [
      'either, where fewer bits are smaller and worse',
      { drop: 0.01, zipped: 0.7e6 },
      [
        { drop: 0, zipped: 1e6 },
        { drop: 0.05, zipped: 0.6e6 },
      ],
      'Unpruned in int4 is smaller than the pruned model (600 kB against 700 kB zipped) and loses more (0.05 against 0.01).',
    ],
  ])('%s', (_, pruned, others, sentence) => {
    expect(plain(baselineSentence(model(pruned, ...others)))).toBe(sentence)
  })

  test('is not said where nothing is compared', () => {
    expect(baselineSentence(model({ drop: 0, zipped: 1 }))).toBeUndefined()
    expect(baselineMarkdown(model({ drop: 0, zipped: 1 }))).toBe('')
    expect(baselineTable(model({ drop: 0, zipped: 1 }))).toBeUndefined()
  })
})

test('the tables have a row for each', () => {
  const results = { ...model({ drop: 0.01, zipped: 2e6 }, { drop: 0.02, zipped: 1e6 }), quantised: quantised() }
  expect(plain(baselineMarkdown(results))).toBe(
    `| Model | accuracy | Drop (95 % interval) | Size | Zipped | Time ÷ the reference's |
| --- | --- | --- | --- | --- | --- |
| As it was | 0.9 | 0 | 4 MB | 3.9 MB | 1 |
| Unpruned in int8 | 0.88 | 0.02 (0.01 to 0.03) | 1 MB | 1 MB | 0.62 (0.6 to 0.65) |
| Pruned, in int4 | 0.89 | 0.01 (0 to 0.02) | 4 MB | 2 MB | – |

Unpruned in int8 is smaller than the pruned model (1 MB against 2 MB zipped) and loses more (0.02 against 0.01).
`,
  )
  expect(baselineTable(results)?.source).toContain('Pruned, in int4')
})

// Numbers and their units do not break.
const plain = (text = '') => text.replaceAll('\u00a0', ' ')
const quantised = () => ({ method: 'int4', weights: 2, elements: 512, left: [] })

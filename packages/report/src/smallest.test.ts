import { describe, expect, test } from 'vitest'
import { candidateName } from './candidate-name.js'
import { renderHtml } from './html.js'
import { renderSummary } from './markdown/markdown.js'
import type { ModelResult } from './results/results.js'
import type { SmallestSearchResult } from './results/smallest-fields.js'
import { example, HOSTILE } from './sample.test.data.js'
import { candidateCells, smallestFigure, smallestMarkdown, smallestSentences, tellingCandidates } from './smallest.js'

type Tried = SmallestSearchResult['tried'][number]

/** A candidate of so many bytes that loses so much, give or take 0.01. */
function tried(ratio: number, bits: string, bytes: number, drop?: number): Tried {
  const size = { bytes, zippedBytes: bytes, parameters: bytes, macs: null }
  if (drop === undefined) return { ratio, bits, outcome: 'larger', size }
  const measured = {
    value: 0.9 - drop,
    drop: { value: drop, interval: [drop - 0.01, drop + 0.01] as [number, number] },
    samples: 500,
  }
  return { ratio, bits, outcome: drop < 0.01 ? 'pass' : 'fail', size, ...measured }
}

const SEARCH: SmallestSearchResult = {
  ...{ smallest: 'bytes', maxDrop: 0.01, certainty: 0.8, metric: 'accuracy', ended: 'finished', known: 0, seconds: 12 },
  reference: { bytes: 1000, zippedBytes: 1000, parameters: 1000, macs: null, value: 0.9 },
  data: { path: 'val.npz', samples: 500, isSplit: true },
  chosen: { ratio: 0.5, bits: 'int4' },
  next: { ratio: 0.51, bits: 'int4', withinResolution: true },
  tried: [
    tried(0, 'int4', 200, 0.001),
    tried(0, 'int8', 300),
    tried(0.5, 'int4', 150, 0.004),
    tried(0.51, 'int4', 149, 0.012),
    { ...tried(0.75, 'int4', 120, 0.3), isEarly: true },
    tried(0.99, 'none', 220),
    { ratio: 0.98, bits: 'none', outcome: 'impossible', reason: 'nothing would be left.' },
  ],
}

const model = (change: Partial<SmallestSearchResult> = {}): ModelResult => {
  const [passing] = example('passing').models
  return { ...passing!, data: { path: 'val.npz', samples: 510 }, smallest: { ...SEARCH, ...change } }
}

// Numbers and their units do not break.
const plain = (text: string) => text.replaceAll('\u00a0', ' ')

describe('a search for the smallest model', () => {
  test('is told with its data, what it chose and one step further', () => {
    expect(smallestSentences(model()).map(plain)).toEqual([
      '7 candidates were tried, 4 of them measured, on 500 samples of a part of the evaluation data that the gate does not look at, which has the other 510.',
      'The smallest that keeps the drop of accuracy within 0.01 on other samples with 80 % certainty: ratio 0.5, int4, 150 B zipped, 15.0 % of the reference.',
      'One step further, ratio 0.51, int4 does not pass, with a drop of 0.012; these samples cannot tell that from a drop that is allowed.',
    ])
    const larger = model({ tried: SEARCH.tried.map((one) => (one.ratio === 0.51 ? tried(0.51, 'int4', 151) : one)) })
    expect(smallestSentences(larger).at(-1)).toBe('One step further, ratio 0.51, int4 is no smaller.')
    const backed = model({
      next: { ratio: 0.52, bits: 'int4', withinResolution: false },
      tried: [...SEARCH.tried, tried(0.52, 'int4', 148, 0.02)],
    })
    expect(smallestSentences(backed).at(-1)).toBe(
      'One step further passes, too, and is left as a margin, since the smallest of many is a lucky one. Two steps further, ratio 0.52, int4 does not pass, with a drop of 0.02.',
    )
    const byStep = { ratio: 0.6, ratios: [0, 0.6], bits: 'int4' }
    const uneven = model({
      chosen: byStep,
      even: { ratio: 0.5, bits: 'int4' },
      tried: [...SEARCH.tried, { ...tried(0.6, 'int4', 100, 0.004), ratios: [0, 0.6] }],
    })
    expect(candidateName(byStep)).toBe('ratios 0 / 0.6, int4')
    expect(smallestSentences(uneven).map(plain)).toContain(
      'With the same ratio in all steps the smallest is ratio 0.5, int4: 150 B zipped, 50 % more.',
    )
    const { chosen: _, next: __, ...nothing } = SEARCH
    const told = smallestSentences({ smallest: { ...nothing, ended: 'minutes', known: 3 } }).map(plain)
    expect(told).toEqual([
      expect.stringContaining('7 candidates were tried (3 of them by an earlier run), 4 of them measured'),
      'None of them is smaller and keeps the drop of accuracy within 0.01 on other samples with 80 % certainty.',
    ])
    expect(told[0]).toMatch(/until its minutes were over\.$/)
    expect(smallestSentences({})).toEqual([])
  })

  test('shows the telling ones: the chosen, what is around it, and the smallest of each form that was measured', () => {
    const shown = tellingCandidates(SEARCH).map((one) => candidateCells(one, SEARCH).map(plain))
    expect(shown).toEqual([
      ['ratio 0.51, int4', '149 B', '0.888', '0.012 (0.002 to 0.022)', 'fails'],
      ['ratio 0.5, int4', '150 B', '0.896', '0.004 (−0.006 to 0.014)', 'chosen'],
      ['unpruned, int4', '200 B', '0.899', '0.001 (−0.009 to 0.011)', 'passes'],
    ])
  })

  test('is drawn with every candidate that was measured, and all are in the table', () => {
    const figure = smallestFigure(model())!.source
    expect(figure.match(/<circle class="point (pass|fail)" cx="\d+\.\d"/g)).toHaveLength(4)
    expect(figure.match(/<tr>/g)).toHaveLength(8)
    expect(figure).toContain('cannot be made: nothing would be left.')
    expect(figure).not.toMatch(/NaN|Infinity/)
    expect(renderHtml({ ...example('passing'), models: [model()] })).toContain('The smallest that passes')
  })

  test('is a table of the summary', () => {
    expect(plain(smallestMarkdown(model()))).toContain('| ratio 0.5, int4 | 150 B | 0.896 | 0.004 (−0.006 to 0.014) | chosen |\n')
    expect(renderSummary({ ...example('passing'), models: [model()] })).toContain('| Candidate | Zipped |')
    expect(smallestMarkdown(example('passing').models[0]!)).toBe('')
  })

  test('has text that is text', () => {
    const hostile = model({ metric: HOSTILE, tried: [{ ratio: 0.5, bits: HOSTILE, outcome: 'impossible', reason: HOSTILE }] })
    const page = renderHtml({ ...example('passing'), models: [hostile] })
    expect(page).not.toContain('<img')
    expect(page.match(/<\/script>/g)).toHaveLength(2)
  })
})

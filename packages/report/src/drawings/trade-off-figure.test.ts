import { describe, expect, it } from 'vitest'
import { baselineMarkdown, baselineSentence, baselineTable } from '../baselines.js'
import type { ModelResult } from '../results/results.js'
import { example } from '../sample.test.data.js'
import { type TradeOffPoint, tradeOffFigure } from './trade-off-figure.js'

const POINTS: readonly TradeOffPoint[] = [
  { name: 'as it was', bytes: 1000, drop: 0 },
  { name: 'in int8', bytes: 300, drop: 0.002, interval: [-0.001, 0.005] },
  { name: 'worse than int8', bytes: 400, drop: 0.003, interval: [0, 0.006] },
  { name: '<b>pruned</b>', bytes: 200, drop: 0.5, interval: [0.4, 0.6], verdict: 'fail' },
]

const drawn = (points = POINTS, limit: number | undefined = 0.01) => tradeOffFigure(points, { metric: 'accuracy', limit })!.source
const numbers = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, value]) => Number(value))

describe('the trade-off of size and drop', () => {
  it('lies by bytes to the right and by the drop upwards', () => {
    const text = drawn()
    // 2 % are left of 0 bytes, 4 % right of the largest.
    expect(numbers(text, /<circle class="point" cx="([\d.]+)%"/g)).toEqual([96, 30.2, 39.6, 20.8])
    const [original, int8, worse, pruned] = numbers(text, /<circle class="point"[^>]* cy="([\d.]+)"/g) as [
      number,
      number,
      number,
      number,
    ]
    expect(original > int8 && int8 > worse && worse > pruned).toBe(true)
    // What loses far more than the limit lies on the edge, and does not flatten the others.
    expect(pruned).toBe(12)
    expect(text).toContain('what loses more than 0.04 lies on the upper edge')
    expect(drawn(POINTS.slice(0, 3))).not.toContain('upper edge')
  })

  it('joins those that no other beats, and marks what is allowed', () => {
    const text = drawn()
    // From the pruned one by int8 to the original.
    expect(numbers(text, /class="front" x1="([\d.]+)%"/g)).toEqual([20.8, 30.2])
    expect(text).toContain('<line class="limit"')
    expect(drawn(POINTS, undefined)).toContain('class="grid"')
    expect(text).not.toContain('<b>pruned')
  })

  it('tells points that lie on one another in one label, and those at the right to their left', () => {
    const labels = (points: readonly TradeOffPoint[]) =>
      [...drawn(points).matchAll(/<text class="name"[^>]*?(text-anchor="end")?>([\d, ]*)</g)].map(([, end, label]) => [
        label,
        end !== undefined,
      ])
    const same = { bytes: 300, drop: 0.002 }
    const [original, int8, , pruned] = POINTS as readonly [TradeOffPoint, TradeOffPoint, TradeOffPoint, TradeOffPoint]
    expect(labels([original, int8, { name: 'in int4', ...same }, pruned])).toEqual([
      ['1', true],
      ['2, 3', false],
      ['', false],
      ['4', false],
    ])
    expect(labels(POINTS).map(([label]) => label)).toEqual(['1', '2', '3', '4'])
  })

  it('needs two models', () => {
    expect(tradeOffFigure(POINTS.slice(0, 1), { metric: 'accuracy', limit: 0.01 })).toBeUndefined()
  })

  it('holds where nothing is lost and nothing allowed', () => {
    const text = drawn(
      POINTS.slice(0, 2).map(({ name, bytes }) => ({ name, bytes, drop: 0 })),
      0,
    )
    expect(text).not.toMatch(/NaN|Infinity/)
  })
})

it('the page shows it beside what a user might take instead', () => {
  const [passing] = example('passing').models as [ModelResult]
  const baselines: ModelResult['baselines'] = [
    { method: 'int8', bytes: 1e5, zippedBytes: 9e4, metrics: { accuracy: 0.9 }, drop: { value: 0.001, interval: [0, 0.002] } },
  ]
  const sized = { ...passing, baselines, reference: { ...passing.reference, zippedBytes: 2e5 } }
  expect(baselineTable(sized)!.source).toContain('class="trade"')
  expect(baselineTable(passing)).toBeUndefined()
  // Stages of a schedule lie between, without baselines too; what to take is not said of them.
  const stages: ModelResult['stages'] = [
    { bytes: 1.5e5, zippedBytes: 1.2e5, metrics: { accuracy: 0.89 }, drop: { value: 0.002, interval: [0, 0.004] } },
  ]
  const pruned = { ...passing.pruned!, zippedBytes: 1e5 }
  const staged = { ...sized, pruned, baselines: [], stages }
  const text = baselineTable(staged)!.source
  expect(text).toContain('What each stage took and cost')
  expect(text).toContain('After stage 1 of 2')
  expect(numbers(text, /<circle class="point"/g)).toHaveLength(3)
  expect(baselineSentence(staged)).toBeUndefined()
  expect(baselineMarkdown(staged)).toContain('| After stage 1 of 2 | 0.89 | 0.002 (0 to 0.004) |')
})

import { expect, test } from 'vitest'
import { demandMarkdown, demandTable } from './demands.js'
import { HOSTILE, withLayers } from './sample.test.data.js'

const drop = { metric: 'accuracy', value: 0.03, interval: [0.01, 0.056] as [number, number], method: 'exact' }
const part = (name: string, value: number, verdict: 'pass' | 'fail' | 'unclear') => ({
  ...{ name, samples: 9, verdict, drop: { value, interval: [-0.1, 1] as [number, number] }, allowed: 0.05, message: '' },
})
const common = { summary: '', reasons: [], breaches: [] }
const demands = [
  { ...common, about: 'accuracy', verdict: 'pass' as const, limits: { maxDrop: 0.05 }, drop },
  {
    ...{ ...common, about: 'accuracy of each class', verdict: 'fail' as const, limits: { maxDrop: 0.05 } },
    parts: [part('0', 0, 'unclear'), part('1', 0.2, 'pass'), part('2', 1, 'fail')],
  },
]
const plain = (text: string) => text.replaceAll('\u00a0', ' ')

test('demands are a table, the worst parts first', () => {
  const rows = plain(demandMarkdown(withLayers(1, { demands })))
    .trim()
    .split('\n')
    .slice(2)
  expect(rows).toEqual([
    '| accuracy | drop 0.03 | 0.01 to 0.056 | drop ≤ 0.05 | passed |',
    '| accuracy of each class | 3 parts: 1 failed, 1 unclear, 1 passed |  | drop ≤ 0.05 | failed |',
    '| · 2 (9 samples) | drop 1 | −0.1 to 1 | drop ≤ 0.05 | failed |',
    '| · 1 (9 samples) | drop 0.2 | −0.1 to 1 | drop ≤ 0.05 | passed |',
    '| · 0 (9 samples) | drop 0 | −0.1 to 1 | drop ≤ 0.05 | unclear |',
  ])
})

test('a gate of limits alone has no table', () => {
  expect([demandMarkdown(withLayers(1)), demandTable(withLayers(1))]).toEqual(['', undefined])
})

test('names from data are shown as text', () => {
  const model = withLayers(1, { demands: [{ ...demands[1]!, about: HOSTILE, parts: [part(HOSTILE, 1, 'fail')] }] })
  expect(String(demandTable(model))).not.toContain('<img')
  expect(demandMarkdown(model)).not.toContain('<img')
})

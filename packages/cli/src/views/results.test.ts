import type { RunResults } from '@pare/report'
import { expect, it } from 'vitest'
import { renderTable } from '../terminal/table.js'
import { TERMINAL } from '../testing/terminal-context.js'
import { renderResults } from './results.js'

const results: RunResults = {
  schemaVersion: 1,
  command: 'run',
  verdict: 'fail',
  models: [
    {
      path: 'a.onnx',
      verdict: 'fail',
      summary: 'accuracy fell.',
      reasons: ['accuracy fell by 0.1.', 'And more.'],
      metric: 'accuracy',
      reference: { path: 'a.onnx', bytes: 2_000_000, zippedBytes: 1_900_000, metrics: { accuracy: 0.9 } },
      pruned: { path: 'out/a.onnx', bytes: 2_000_000, zippedBytes: 500_000, metrics: { accuracy: 0.8 } },
      drop: { metric: 'accuracy', value: 0.1, interval: [0.05, 0.15], method: 'exact' },
      sparsity: { before: 0, after: 0.5 },
      resolution: { resolves: true, message: '100 samples settle it.' },
      warnings: ['an array is ignored'],
    },
    {
      path: 'b.onnx',
      verdict: 'incomplete',
      reasons: ['b.onnx is empty.'],
      reference: { path: 'b.onnx', bytes: 0, metrics: {} },
      error: { message: 'b.onnx is empty.', hint: 'copy it again.', kind: 'usage' },
    },
    {
      path: 'c.onnx',
      verdict: 'pass',
      summary: 'accuracy stayed at 0.9.',
      reasons: [],
      reference: { path: 'c.onnx', bytes: 5, metrics: {} },
    },
  ],
}
const files = { results: '/work/out/results.json', report: '/work/out/report.html', summary: '/work/out/summary.md' }

it('a run is a table, a sentence for each model, and the files', () => {
  expect(
    renderResults(results, files, TERMINAL),
  ).toBe(`model   metric    reference  pruned  drop  removed       size                    verdict
a.onnx  accuracy  0.9        0.8     0.1   50.0 % zeros  1.9 MB → 500 kB zipped  fail
b.onnx  –         –          –       –     –             0 B                     incomplete
c.onnx  –         –          –       –     –             5 B                     pass

fail a.onnx: accuracy fell by 0.1. And more.
  100 samples settle it.
  an array is ignored
incomplete b.onnx: b.onnx is empty.
  hint: copy it again.
pass c.onnx: accuracy stayed at 0.9.

fail 1 of 3 models passed, 1 failed, 1 incomplete
  report   out/report.html
  results  out/results.json
  pruned   out/a.onnx`)
})

it('no line of the table is longer than 80 characters where there is no terminal', () => {
  const narrow = { ...TERMINAL, io: { ...TERMINAL.io, stdout: { write: () => true } } }
  const table = renderResults(results, files, narrow).split('\n\n')[0]!.split('\n')
  expect(table).toEqual([
    'model   metric    reference  pruned  drop  removed  size          verdict',
    'a.onnx  accuracy  0.9        0.8     0.1   50.0 %   1.9 MB → 500  fail',
    '                                           zeros    kB zipped',
    'b.onnx  –         –          –       –     –        0 B           incomplete',
    'c.onnx  –         –          –       –     –        5 B           pass',
  ])
})

it('a cut model says what is gone, what that saves, and whether it is proved', () => {
  const cut: RunResults['models'][number] = {
    path: 'a.onnx',
    verdict: 'pass',
    summary: 'accuracy stayed.',
    reasons: [],
    reference: { path: 'a.onnx', bytes: 2_000_000, metrics: {} },
    pruned: { path: 'out/a.onnx', bytes: 1_000_000, metrics: {} },
    groups: [
      { id: 'w:0', structure: 'neuron', units: 256, removed: 64 },
      { id: 'v:0', structure: 'neuron', units: 128, removed: 32 },
      { id: 'q:0', structure: 'head', units: 4, removed: 2 },
    ],
    parameters: { before: 1000, after: 600, nonzero: 600 },
    macs: { before: 2000, after: 1000 },
    proof: { proved: true, difference: 3.04e-7, tolerance: 1e-4, runs: 2, sizesDiffer: true },
  }
  const text = renderResults({ ...results, models: [cut] }, files, TERMINAL)
  expect(text).toContain('25.0 % neuron, 50.0 % head  2 MB → 1 MB  pass')
  expect(text).toContain(`pass a.onnx: accuracy stayed.
  removed 96 of 384 neuron units in 2 groups, 2 of 4 head units in 1 group
  parameters 1,000 → 600 (−40.0 %)
  MACs 2,000 → 1,000 (−50.0 %)
  cut = masked: largest difference 3e-7, tolerance 1e-4, two sizes
`)
  const unproved = renderResults({ ...results, models: [{ ...cut, proof: { proved: false } }] }, files, TERMINAL)
  expect(unproved).toContain('what was cut is not proved')
})

it('verdicts have colours where colours are wanted', () => {
  const colored = { ...TERMINAL, io: { ...TERMINAL.io, env: { FORCE_COLOR: '1' } } }
  expect(renderResults(results, files, colored)).toContain('\u001b[31mfail\u001b[39m 1 of 3')
})

it('columns of a table stand under each other, whatever is in them', () => {
  const rows = [
    ['é', 'wide 漢字'],
    ['long one', '\u001b[31mred\u001b[39m'],
  ]
  expect(renderTable(['a', 'b'], rows)).toBe('a         b\né         wide 漢字\nlong one  \u001b[31mred\u001b[39m')
})

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { figure, judge, type Limits, type Measurement, percent } from '@pare/gate'
import { type RunResults, renderComment, renderHtml, renderSummary } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { TERMINAL } from './testing/terminal-context.js'
import { renderResults } from './views/results.js'

const files = { results: '/work/out/results.json', report: '/work/out/report.html', summary: '/work/out/summary.md' }

function perplexity(nats: number): Measurement {
  const sums = Array.from({ length: 40 }, (_, i) => 100 * nats + (i % 5))
  const counts = sums.map(() => 100)
  const value = Math.exp(sums.reduce((a, b) => a + b, 0) / 4000)
  return { metric: 'perplexity', value, better: 'lower', bounded: false, samples: { kind: 'perplexity', sums, counts } }
}

function accuracy(right: number): Measurement {
  const correct = Array.from({ length: 2000 }, (_, i) => Number(i < right))
  return { metric: 'accuracy', value: right / 2000, better: 'higher', bounded: true, samples: { kind: 'proportion', correct } }
}

interface Case {
  readonly reference: Measurement
  readonly pruned: Measurement
  readonly limits: Limits
}

/** What the run of one model with this outcome holds. */
function resultsOf({ reference, pruned, limits }: Case): RunResults {
  const { verdict, summary, reasons, drop, resolution } = judge({ reference, pruned, limits })
  const { metric } = reference
  const model: RunResults['models'][number] = {
    ...{ path: 'a.onnx', verdict, summary, reasons: [...reasons], metric, limits, resolution },
    reference: { path: 'a.onnx', bytes: 2000, metrics: { [metric]: reference.value } },
    pruned: { path: 'out/a.onnx', bytes: 1000, metrics: { [metric]: pruned.value } },
    drop: { ...drop!, interval: [...drop!.interval] },
  }
  return { schemaVersion: 1, command: 'run', verdict, models: [model] }
}

describe.each<[string, Case]>([
  [
    'a perplexity that rose by 4.02 %',
    { reference: perplexity(3), pruned: perplexity(3 + Math.log(1.0402)), limits: { maxDrop: { relative: 0.01 } } },
  ],
  [
    'a perplexity that fell by 4.02 %',
    { reference: perplexity(3), pruned: perplexity(3 + Math.log(0.9598)), limits: { maxDrop: { relative: 0.01 } } },
  ],
  [
    'a perplexity that rose by 0.0123 %',
    { reference: perplexity(3), pruned: perplexity(3 + 0.000123), limits: { maxDrop: { relative: 0.01 } } },
  ],
  ['an accuracy that fell by 0.0305', { reference: accuracy(1968), pruned: accuracy(1907), limits: { maxDrop: 0.01 } }],
  ['an accuracy of 1 that stays', { reference: accuracy(2000), pruned: accuracy(2000), limits: { maxDrop: 0.01 } }],
])('%s', (_, one) => {
  const results = resultsOf(one)
  const [model] = results.models
  const { value, relative } = model!.drop!
  // A sentence says rose or fell instead.
  const sign = value < 0 ? '−' : ''
  const size = figure(Math.abs(value), 3)
  const share = typeof one.limits.maxDrop === 'object' ? ` (${percent(Math.abs(relative!))})` : ''
  const views = {
    'the sentence of the verdict': model!.summary!,
    'the table of the terminal': renderResults(results, files, TERMINAL).split('\n')[1]!,
    'the job summary': renderSummary(results),
    'the comment': renderComment(results, { marker: '<!-- x -->' }),
    'the page': renderHtml(results).replaceAll(/<[^>]+>/g, ' '),
  }

  it.each(Object.entries(views))('has one drop in %s', (view, text) => {
    const plain = text.replaceAll('\u00a0', ' ')
    if (value === 0 && view === 'the sentence of the verdict') expect(plain).toContain('stayed')
    else if (view === 'the sentence of the verdict') expect(plain).toContain(`by ${size}${share}`)
    else expect(plain).toContain(`${sign}${size}${share.replace('(', `(${sign}`)}`)
  })

  it.each(Object.entries(views))('has one reference and one pruned model in %s', (_, text) => {
    for (const { value: measured } of [one.reference, one.pruned]) expect(text).toContain(figure(measured))
  })
})

it('a percentage is written in one place only', () => {
  const packages = fileURLToPath(new URL('../../', import.meta.url))
  const sources = ['gate', 'report', 'cli', 'action'].flatMap((name) => {
    const folder = join(packages, name, 'src')
    const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    return paths.filter((file) => file.endsWith('.ts') && !/\.test\./.test(file)).map((file) => join(folder, file))
  })
  const written = /(toFixed|toPrecision|figure|round)\([^`]*?\)\}(\\u00a0| )%/
  const writers = sources.filter((file) => written.test(readFileSync(file, 'utf8')))
  expect(writers.map((file) => file.slice(packages.length).replaceAll('\\', '/'))).toEqual([
    'gate/src/figure.ts',
    // Repeats what the user wrote, to the digit.
    'gate/src/limits.ts',
  ])
})

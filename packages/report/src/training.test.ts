import { describe, expect, test } from 'vitest'
import { renderHtml } from './html.js'
import { renderSummary } from './markdown/markdown.js'
import type { ModelResult, RunResults } from './results/results.js'
import { HOSTILE, withLayers } from './sample.test.data.js'
import { boughtText, looksOf, type Training, trainingText } from './training.js'

const held = (loss: number, value: number) => ({ loss, metric: { name: 'accuracy', value } })

const training: Training = {
  ...{ loss: 'cross-entropy', why: 'the labels are whole numbers', distilled: false, optimizer: 'adamw', learningRate: 0.001 },
  ...{ batch: 64, steps: 40, bestStep: 40, msPerStep: 0.912, ended: 'finished', samples: { trained: 1280, heldOut: 67 } },
  ...{ before: held(2, 0.25), after: held(0.5, 0.875), notes: [] },
  curve: [
    { step: 0, heldOut: held(2, 0.25) },
    { step: 10, loss: 1.5 },
    { step: 20, loss: 1, heldOut: held(1, 0.5) },
    { step: 40, loss: 0.75, heldOut: held(0.5, 0.875) },
  ],
}

const model = (change: Partial<ModelResult> = {}): ModelResult => withLayers(2, { trainings: [training], ...change })
const run = (one: ModelResult): RunResults => ({ schemaVersion: 1, command: 'run', verdict: one.verdict, models: [one] })

test('a look has the mean loss of all steps since the one before', () => {
  // Of steps 1 to 20: (10 · 1.5 + 10 · 1) ÷ 20
  expect(looksOf([training])).toEqual([
    { step: 0, heldOut: 2, metric: 0.25 },
    { step: 20, loss: 1.25, heldOut: 1, metric: 0.5 },
    { step: 40, loss: 0.75, heldOut: 0.5, metric: 0.875 },
  ])
})

test('stages follow each other', () => {
  const looks = looksOf([training, training])
  expect(looks.map(({ step }) => step)).toEqual([0, 20, 40, 40, 60, 80])
  expect(looks.flatMap(({ stage }) => stage ?? [])).toEqual([1, 2])
})

describe('in words', () => {
  test('how it was trained', () => {
    expect(trainingText(model())).toBe(
      'retrained for 40 steps of adamw at up to 0.001, cross-entropy, 0.91 ms each, on 1,280 samples (67 held out)',
    )
    const distilled = { ...training, distilled: true, samples: { trained: 10, heldOut: 0 } }
    expect(trainingText(model({ trainings: [training, distilled] }))).toBe(
      'retrained for 80 steps in 2 stages of adamw at up to 0.001, cross-entropy and distilled, 0.91 ms each, on 10 samples',
    )
    expect(trainingText(model({ trainings: [] }))).toBeUndefined()
  })

  test('what it bought', () => {
    const whole = model()
    const metric = whole.metric!
    const [after, before] = [whole.pruned!.metrics[metric]!, whole.reference.metrics[metric]!]
    expect(boughtText(model({ unrecovered: { metrics: { [metric]: 0.196 } } }))).toBe(
      `recovery: ${metric} 0.196 → ${Number(after.toPrecision(4))}, ${Number(before.toPrecision(4))} before pruning`,
    )
    expect(boughtText(model())).toBeUndefined()
  })
})

test('the summary has a chart of the losses and one of the metric', () => {
  const summary = renderSummary(run(model()))
  expect(summary).toContain('x-axis "step" [0, 20, 40]')
  expect(summary).toContain('  y-axis "loss" 0.425 --> 2.075\n  line [1.25, 1.25, 0.75]\n  line [2, 1, 0.5]')
  expect(summary).toContain('  y-axis "accuracy" 0.2188 --> 0.9063\n  line [0.25, 0.5, 0.875]')
  expect(renderSummary(run(withLayers(2)))).not.toContain('line [')
})

test('without held-out samples there is one line, and without a single look no chart', () => {
  const { before: _, after: __, ...plain } = training
  const curve = training.curve.map(({ heldOut: ___, ...point }) => point)
  const summary = renderSummary(run(model({ trainings: [{ ...plain, curve }] })))
  expect(summary.match(/line \[/g)).toHaveLength(1)
  expect(renderSummary(run(model({ trainings: [{ ...plain, curve: [] }] })))).not.toContain('line [')
})

test('the page has both as curves, with what was trained and where stages begin', () => {
  const page = renderHtml(run(model({ trainings: [training, training], unrecovered: { metrics: { accuracy: 0.5 } } })))
  expect(page.match(/<polyline class="curve/g)).toHaveLength(3)
  expect(page).toContain('<title>stage 2</title>')
  expect(page).toContain('before and after recovery')
  expect(page).toContain('retrained for 80 steps in 2 stages')
})

test('hostile text in it goes nowhere', () => {
  const metric = { name: HOSTILE, value: 0.5 }
  const bad = { ...training, loss: HOSTILE, optimizer: HOSTILE, after: { loss: 1, metric }, notes: [HOSTILE] }
  const results = run(model({ trainings: [bad], training: { path: HOSTILE, sha256: HOSTILE } }))
  expect(renderHtml(results)).not.toContain('<img')
  const summary = renderSummary(results)
  expect(summary).not.toMatch(/<img|<script/)
  expect(summary).not.toContain('@octocat`')
})

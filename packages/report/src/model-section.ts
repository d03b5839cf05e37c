import { html, type Markup } from './escape.js'
import { amount, change, duration, figure, percent, plural, size } from './figures.js'
import { icon } from './icon.js'
import { intervalFigure } from './interval-figure.js'
import type { ModelResult } from './results.js'
import { sparsityFigure } from './sparsity-figure.js'
import { demands, dropText, explanation } from './statement.js'
import { type Column, table } from './table.js'

/** Everything the page says about one model. */
export function modelSection(model: ModelResult, index: number): Markup {
  const { path, verdict, error, warnings = [] } = model
  return html`<article class="card model ${verdict}" id="model-${index}">
<header><h2>${path}</h2><span class="chip ${verdict}">${icon(verdict)}${verdict}</span></header>
<p class="why">${explanation(model)}</p>
${error?.hint !== undefined && html`<p class="hint"><b>What to do:</b> ${error.hint}</p>`}
${warnings.map((warning) => html`<p class="hint"><b>Note:</b> ${warning}</p>`)}
<dl class="tiles">${tiles(model)}</dl>
${intervalFigure(model)}
${sparsityFigure(model)}
${layers(model)}
${declined(model)}
${record(model)}
</article>
`
}

/** A label, the value that counts, and where it comes from. */
function tile(label: string, value: Markup | string, note: string): Markup {
  return html`<div><dt>${label}</dt><dd>${value}</dd><dd class="note">${note}</dd></div>`
}

function tiles(model: ModelResult): Markup[] {
  const { metric, reference, pruned, sparsity, parameters, macs } = model
  const found: Markup[] = []
  for (const name of metricNames(model)) {
    const before = reference.metrics[name]
    const after = pruned?.metrics[name]
    const judged = name === metric && [
      model.drop && `drop ${dropText(model)}`,
      ...demands(model).map((demand) => `allowed ${demand}`),
    ]
    const note = judged ? judged.filter((part) => part).join(', ') : 'not limited'
    found.push(
      tile(
        name,
        html`${before === undefined ? '–' : figure(before)} <i>→</i> ${after === undefined ? '–' : figure(after)}`,
        note,
      ),
    )
  }
  if (sparsity) {
    const parts = [
      'of the eligible weights',
      sparsity.target !== undefined && `target ${percent(sparsity.target)}`,
      sparsity.model !== undefined && `whole model ${percent(sparsity.model)}`,
    ]
    found.push(tile('sparsity', percent(sparsity.after), parts.filter((part) => part).join(', ')))
  }
  found.push(...fileTiles(reference, pruned))
  if (parameters) {
    found.push(
      tile(
        'weights not zero',
        amount(parameters.nonzero),
        `of ${amount(parameters.before)}, ${change(parameters.before, parameters.nonzero) ?? ''}`,
      ),
    )
  }
  if (macs) found.push(tile('MACs', amount(macs.after), `${change(macs.before, macs.after) ?? ''} from ${amount(macs.before)}`))
  return found
}

function fileTiles(reference: ModelResult['reference'], pruned: ModelResult['pruned']): Markup[] {
  if (!pruned) return [tile('size', size(reference.bytes), 'reference; there is no pruned model')]
  const found = [tile('size', size(pruned.bytes), `${change(reference.bytes, pruned.bytes) ?? ''} from ${size(reference.bytes)}`)]
  if (reference.zippedBytes !== undefined && pruned.zippedBytes !== undefined) {
    const note = `${change(reference.zippedBytes, pruned.zippedBytes) ?? ''} from ${size(reference.zippedBytes)}`
    found.push(tile('zipped', size(pruned.zippedBytes), note))
  }
  return found
}

/** The judged metric first. */
function metricNames({ metric, reference, pruned }: ModelResult): string[] {
  const names = new Set([
    ...(metric === undefined ? [] : [metric]),
    ...Object.keys(reference.metrics),
    ...Object.keys(pruned?.metrics ?? {}),
  ])
  return [...names]
}

type Layer = NonNullable<ModelResult['layers']>[number]

function layers({ layers = [] }: ModelResult): Markup | undefined {
  if (layers.length === 0) return undefined
  const columns: Column<Layer>[] = [
    { title: '#', number: (_, i) => i + 1, cell: (_, i) => i + 1 },
    { title: 'Weight', cell: ({ name }) => name, heading: true },
    { title: 'Operator', cell: ({ op }) => op },
    { title: 'Shape', cell: ({ shape }) => html`<span class="shape">${shape.join(' × ')}</span>` },
    { title: 'Elements', number: ({ elements }) => elements, cell: ({ elements }) => elements.toLocaleString('en-US') },
    { title: 'Zeros before', number: ({ sparsity }) => sparsity.before, cell: ({ sparsity }) => percent(sparsity.before) },
    {
      title: 'Zeros after',
      number: ({ sparsity }) => sparsity.after,
      cell: ({ sparsity }) => html`${meter(sparsity.after)}${percent(sparsity.after)}`,
    },
  ]
  return html`<details><summary>${plural(layers.length, 'layer')} in numbers</summary>${table({ label: 'Layers', columns, rows: layers })}</details>`
}

function meter(fraction: number): Markup {
  return html`<svg class="meter" aria-hidden="true"><rect class="track" width="100%" height="100%"/><rect class="after" width="${(fraction * 100).toFixed(2)}%" height="100%"/></svg>`
}

type Declined = NonNullable<ModelResult['declined']>[number]

function declined({ declined = [] }: ModelResult): Markup | undefined {
  if (declined.length === 0) return undefined
  const columns: Column<Declined>[] = [
    { title: 'Where', cell: ({ id }) => id, heading: true },
    { title: 'Structure', cell: ({ structure }) => structure },
    { title: 'Reason', cell: ({ reason }) => reason },
  ]
  return html`<details><summary>${declined.length.toLocaleString('en-US')} declined</summary>${table({ label: 'Declined', columns, rows: declined })}</details>`
}

/** What was done, with which files. */
function record({ steps = [], reference, pruned, data, plan, durationMs }: ModelResult): Markup {
  const file = (name: string, one: { path: string; sha256?: string | undefined } | undefined) =>
    one &&
    html`<div><dt>${name}</dt><dd><code>${one.path}</code>${one.sha256 !== undefined && html`<br><code class="hash">sha256 ${one.sha256}</code>`}</dd></div>`
  return html`<details><summary>How it was made</summary>
${steps.length > 0 && html`<ol class="steps">${steps.map((step) => html`<li>${step}</li>`)}</ol>`}
<dl class="facts">${file('Reference', reference)}${file('Pruned', pruned)}${file('Plan', plan)}${file('Evaluation data', data)}
${data && html`<div><dt>Samples</dt><dd>${data.samples.toLocaleString('en-US')}</dd></div>`}
${durationMs !== undefined && html`<div><dt>Duration</dt><dd>${duration(durationMs)}</dd></div>`}</dl></details>`
}

import { adviceSection } from './advice/advice-list.js'
import { baselineTable } from './baselines.js'
import { classTable } from './breakdown/class-table.js'
import { confusionFigure } from './breakdown/confusion-figure.js'
import { reliabilityFigure } from './breakdown/reliability-figure.js'
import { changedTable, sliceTable } from './breakdown/sample-tables.js'
import { demandTable } from './demands.js'
import { intervalFigure } from './drawings/interval-figure.js'
import { latencyFigure } from './drawings/latency-figure.js'
import { removalFigure, sparsityFigure } from './drawings/share-figure.js'
import { trainingFigure } from './drawings/training-figure.js'
import { html, type Markup } from './escape.js'
import { duration, formatCount, plural, share } from './figures.js'
import { outputErrorTable } from './output-error.js'
import { icon } from './page/icon.js'
import { type TableColumn, table } from './page/table.js'
import { proofText } from './pruning.js'
import type { ModelResult } from './results/results.js'
import { smallestFigure } from './smallest.js'
import { explanation, STATE } from './statement.js'
import { tiles } from './tiles.js'
import { weightCurveTable } from './weight-curves.js'

/** Everything the page says about one model. */
export function modelSection(model: ModelResult, index: number, models: readonly ModelResult[]): Markup {
  const { path, verdict, error, warnings = [], findings = [] } = model
  return html`<article class="card model ${verdict}" id="model-${index}">
<header><h2>${path}</h2><span class="chip ${verdict}">${icon(verdict)}${STATE[verdict]}</span></header>
${models.length > 1 && html`<p class="${error ? 'why' : 'why sentence'}">${explanation(model)}</p>`}
${models.length > 1 && findings.map((finding) => html`<p class="hint finding"><b>Behind the metric:</b> ${finding}</p>`)}
${error?.hint !== undefined && html`<p class="hint"><b>What to do:</b> ${error.hint}</p>`}
${model.proof?.proved === false && html`<p class="hint"><b>Note:</b> What was ${model.proof.step === 'permute' ? 'permuted' : 'cut'} is ${proofText(model)}.</p>`}
${warnings.map((warning) => html`<p class="hint"><b>Note:</b> ${warning}</p>`)}
${adviceSection(model)}
${tiles(model)}
${intervalFigure(model)}
${demandTable(model)}
${latencyFigure(model)}
${smallestFigure(model)}
${baselineTable(model)}
${classTable(model)}
${confusionFigure(model)}
${changedTable(model)}
${sliceTable(model)}
${reliabilityFigure(model)}
${trainingFigure(model)}
${removalFigure(model)}
${groups(model)}
${sparsityFigure(model)}
${weightCurveTable(model)}
${layers(model)}
${outputErrorTable(model)}
${declined(model)}
${record(model)}
</article>
`
}

type Group = NonNullable<ModelResult['groups']>[number]

function groups({ groups = [] }: ModelResult): Markup | undefined {
  if (groups.length === 0) return undefined
  const gone = ({ units, removed }: Group) => (units === 0 ? 0 : removed / units)
  const columns: TableColumn<Group>[] = [
    { title: '#', number: (_, i) => i + 1, cell: (_, i) => i + 1 },
    { title: 'Group', cell: ({ id }) => id, heading: true },
    { title: 'Structure', cell: ({ structure }) => structure },
    {
      title: 'Removed',
      number: gone,
      cell: (group) => html`${meter(gone(group))}<span class="share">${share(gone(group))}</span>`,
    },
    { title: 'Units before', number: ({ units }) => units, cell: ({ units }) => formatCount(units) },
    {
      title: 'Units after',
      number: ({ units, removed }) => units - removed,
      cell: ({ units, removed }) => formatCount(units - removed),
    },
  ]
  return html`<details><summary>${plural(groups.length, 'group')} in numbers</summary>${table({ label: 'Groups', columns, rows: groups })}</details>`
}

type Layer = NonNullable<ModelResult['layers']>[number]

function layers({ layers = [] }: ModelResult): Markup | undefined {
  if (layers.length === 0) return undefined
  const columns: TableColumn<Layer>[] = [
    { title: '#', number: (_, i) => i + 1, cell: (_, i) => i + 1 },
    { title: 'Weight', cell: ({ name }) => name, heading: true },
    {
      title: 'Zeros after',
      number: ({ sparsity }) => sparsity.after,
      cell: ({ sparsity }) => html`${meter(sparsity.after)}<span class="share">${share(sparsity.after)}</span>`,
    },
    { title: 'Zeros before', number: ({ sparsity }) => sparsity.before, cell: ({ sparsity }) => share(sparsity.before) },
    { title: 'Elements', number: ({ elements }) => elements, cell: ({ elements }) => formatCount(elements) },
    { title: 'Shape', cell: ({ shape }) => html`<span class="shape">${shape.join(' × ')}</span>` },
    { title: 'Operator', cell: ({ op }) => op },
  ]
  return html`<details><summary>${plural(layers.length, 'layer')} in numbers</summary>${table({ label: 'Layers', columns, rows: layers })}</details>`
}

function meter(fraction: number): Markup {
  return html`<svg class="meter" aria-hidden="true"><rect class="track" width="100%" height="100%"/><rect class="after" width="${(fraction * 100).toFixed(2)}%" height="100%"/></svg>`
}

type Declined = NonNullable<ModelResult['declined']>[number]

function declined({ declined = [] }: ModelResult): Markup | undefined {
  if (declined.length === 0) return undefined
  const columns: TableColumn<Declined>[] = [
    { title: 'Where', cell: ({ id }) => id, heading: true },
    { title: 'Structure', cell: ({ structure }) => structure },
    { title: 'Reason', cell: ({ reason }) => reason },
  ]
  return html`<details><summary>${formatCount(declined.length)} declined</summary>${table({ label: 'Declined', columns, rows: declined })}</details>`
}

/** What was done, with which files. */
function record({ steps = [], reference, pruned, data, calibration, training, plan, durationMs }: ModelResult): Markup {
  const file = (name: string, one: { path: string; sha256?: string | undefined } | undefined) =>
    one &&
    html`<div><dt>${name}</dt><dd><code>${one.path}</code>${one.sha256 !== undefined && html`<br><code class="hash">sha256 ${one.sha256}</code>`}</dd></div>`
  return html`<details><summary>How it was made</summary>
${steps.length > 0 && html`<ol class="steps">${steps.map((step) => html`<li>${step}</li>`)}</ol>`}
<dl class="facts files">${file('Reference', reference)}${file('Pruned', pruned)}${file('Plan', plan)}${file('Evaluation data', data)}${file('Calibration data', calibration)}${file('Training data', training)}
${calibration?.executionProvider !== undefined && html`<div><dt>Calibrated on</dt><dd>${calibration.executionProvider}</dd></div>`}
${data && html`<div><dt>Samples</dt><dd>${formatCount(data.samples)}</dd></div>`}
${durationMs !== undefined && html`<div><dt>Duration</dt><dd>${duration(durationMs)}</dd></div>`}</dl></details>`
}

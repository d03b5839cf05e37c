import { html, isHarmlessAddress, type Markup, scriptJson } from './escape.js'
import { duration, size } from './figures.js'
import { modelSection } from './model-section.js'
import { icon, iconUrl } from './page/icon.js'
import { page } from './page/page.js'
import { pageScript } from './page/page-script.js'
import { pageStyle } from './page/page-style.js'
import { type TableColumn, table } from './page/table.js'
import { prunedShare, prunedText } from './pruning.js'
import type { ModelResult, RunResults } from './results/results.js'
import { byUrgency, demands, dropText, explanation, headline, intervalText, STATE } from './statement.js'

/** Models whose reasons stand at the top of the page. */
const MOST_REASONS = 3

/** One self-contained page: verdict, metrics with their intervals, sizes, sparsity per layer, and everything that was declined. */
export function renderHtml(results: RunResults): string {
  const models = byUrgency(results.models)
  const body = html`${banner(results)}
<main>
${models.length > 1 && overview(models)}
${models.map(modelSection)}
</main>
${footer(results)}
<script type="application/json" id="results">${scriptJson(results)}</script>`
  return page({ title: headline(results), style: pageStyle, script: pageScript, icon: iconUrl(results.verdict), body })
}

/** What a busy reader needs: how many failed, and why the first ones did. */
function banner({ verdict, models, ...results }: RunResults): Markup {
  const isNews = ({ verdict: own, findings = [] }: ModelResult) => own !== 'pass' || findings.length > 0
  const urgent = byUrgency(models).filter((model) => models.length === 1 || isNews(model))
  const shown = urgent.slice(0, MOST_REASONS)
  const more = urgent.length - shown.length
  return html`<header class="banner ${verdict}">
<div class="inner">
${icon(verdict)}
<div><p class="eyebrow">Pare report</p>
<h1>${headline({ verdict, models, ...results })}</h1>
${shown.map((model) => reason(model, models.length > 1))}
${more > 0 && html`<p>And ${more} more.</p>`}</div>
</div>
</header>`
}

function reason(model: ModelResult, named: boolean): Markup {
  const findings = (model.findings ?? []).map((finding) => html`<p>${finding}</p>`)
  if (!named) return html`<p class="${model.error ? '' : 'sentence'}">${explanation(model)}</p>${findings}`
  return html`<p><b>${model.path}</b>: ${explanation(model)}</p>${findings}`
}

function overview(models: readonly ModelResult[]): Markup {
  const columns: TableColumn<ModelResult>[] = [
    { title: 'Verdict', cell: ({ verdict }) => html`<span class="chip ${verdict}">${icon(verdict)}${STATE[verdict]}</span>` },
    {
      title: 'Model',
      cell: ({ path }) => html`<a href="#model-${models.findIndex((one) => one.path === path)}">${path}</a>`,
      heading: true,
    },
    { title: 'Metric', cell: ({ metric }) => metric ?? '' },
    { title: 'Drop', number: ({ drop }) => drop?.value, cell: (model) => dropText(model) ?? '–' },
    { title: '95 % interval', number: ({ drop }) => drop?.interval[0], cell: (model) => intervalText(model) ?? '–' },
    { title: 'Allowed', cell: (model) => demands(model).join('; ') || '–' },
    { title: 'Pruned', number: prunedShare, cell: (model) => prunedText(model) ?? '–' },
    {
      title: 'Zipped',
      number: ({ pruned }) => pruned?.zippedBytes,
      cell: ({ pruned }) => (pruned?.zippedBytes === undefined ? '–' : size(pruned.zippedBytes)),
    },
  ]
  return html`<section class="card"><h2>All models</h2>${table({ label: 'All models', columns, rows: models })}</section>`
}

function footer({ environment, source = {}, durationMs }: RunResults): Markup {
  if (!environment) return html``
  const { pare, node, platform, arch, cpu, onnxruntime, executionProvider } = environment
  const { commit, repository, run, config } = source
  const facts: [string, string | Markup | undefined][] = [
    ['Pare', pare],
    ['ONNX Runtime', onnxruntime && `${onnxruntime}${executionProvider ? `, ${executionProvider}` : ''}`],
    ['Node', node],
    ['Machine', `${platform} ${arch}, ${cpu}`],
    ['Duration', durationMs === undefined ? undefined : duration(durationMs)],
    ['Commit', commit && linked(commit.slice(0, 12), repository && `${repository}/commit/${commit}`)],
    ['Repository', repository && linked(repository.replace(/^https:\/\//, ''), repository)],
    ['Run', run && linked(run.split('/').at(-1)!, run)],
    ['Config', config],
  ]
  const entries = facts.filter(([, value]) => value !== undefined)
  return html`<footer><h2>Environment</h2><dl class="facts">
${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
</dl>
<p><button type="button" id="download" hidden>Download results.json</button></p></footer>`
}

/** A link where the address is a harmless one, else the text: results may come from a stranger. */
function linked(text: string, address: string | undefined): Markup {
  return address !== undefined && isHarmlessAddress(address) ? html`<a href="${address}">${text}</a>` : html`${text}`
}

import { createHash } from 'node:crypto'
import { html, Markup, scriptJson } from './escape.js'
import { duration, percent, size } from './figures.js'
import { icon, iconUrl } from './icon.js'
import { modelSection } from './model-section.js'
import { enhance } from './page-script.js'
import { pageStyle } from './page-style.js'
import type { ModelResult, RunResults } from './results.js'
import { byUrgency, demands, dropText, explanation, headline, intervalText } from './statement.js'
import { type Column, table } from './table.js'

/**
 * One self-contained page: verdict, metrics with their intervals, sizes, sparsity per layer, and everything that was declined. It loads nothing, and
 * its content security policy names the hashes of its own style and script, so that text from a model could not run if it got through escaping.
 */
export function renderHtml(results: RunResults): string {
  const script = `(${enhance})()`
  const policy = `default-src 'none'; style-src '${hash(pageStyle)}'; script-src '${hash(script)}'; img-src data:; base-uri 'none'; form-action 'none'`
  const models = byUrgency(results.models)
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${headline(results)} – Pare</title>
<link rel="icon" href="${iconUrl(results.verdict)}">
<style>${new Markup(pageStyle)}</style>
</head>
<body>
${banner(results)}
<main>
${models.length > 1 && overview(models)}
${models.map((model) => modelSection(model, models.indexOf(model)))}
</main>
${footer(results)}
<script type="application/json" id="results">${scriptJson(results)}</script>
<script>${new Markup(script)}</script>
</body>
</html>
`.source
}

function banner(results: RunResults): Markup {
  const [only] = results.models
  const why = results.models.length === 1 && only ? html`<p>${explanation(only)}</p>` : undefined
  return html`<header class="banner ${results.verdict}">
<div class="inner">
${icon(results.verdict)}
<div><p class="eyebrow">Pare report</p>
<h1>${headline(results)}</h1>
${why}</div>
</div>
</header>`
}

function overview(models: readonly ModelResult[]): Markup {
  const columns: Column<ModelResult>[] = [
    { title: 'Verdict', cell: ({ verdict }) => html`<span class="chip ${verdict}">${icon(verdict)}${verdict}</span>` },
    {
      title: 'Model',
      cell: ({ path }) => html`<a href="#model-${models.findIndex((one) => one.path === path)}">${path}</a>`,
      heading: true,
    },
    { title: 'Metric', cell: ({ metric }) => metric ?? '' },
    { title: 'Drop', number: ({ drop }) => drop?.value, cell: (model) => dropText(model) ?? '–' },
    { title: '95 % interval', number: ({ drop }) => drop?.interval[0], cell: (model) => intervalText(model) ?? '–' },
    { title: 'Allowed', cell: (model) => demands(model).join('; ') || '–' },
    {
      title: 'Sparsity',
      number: ({ sparsity }) => sparsity?.after,
      cell: ({ sparsity }) => (sparsity ? percent(sparsity.after) : '–'),
    },
    {
      title: 'Zipped',
      number: ({ pruned }) => pruned?.zippedBytes,
      cell: ({ pruned }) => (pruned?.zippedBytes === undefined ? '–' : size(pruned.zippedBytes)),
    },
  ]
  return html`<section class="card"><h2>All models</h2>${table({ label: 'All models', columns, rows: models })}</section>`
}

function footer({ environment, durationMs }: RunResults): Markup {
  if (!environment) return html``
  const { pare, node, platform, arch, cpu, onnxruntime, executionProvider } = environment
  const facts: [string, string | undefined][] = [
    ['Pare', pare],
    ['ONNX Runtime', onnxruntime && `${onnxruntime}${executionProvider ? `, ${executionProvider}` : ''}`],
    ['Node', node],
    ['Machine', `${platform} ${arch}, ${cpu}`],
    ['Duration', durationMs === undefined ? undefined : duration(durationMs)],
  ]
  const known = facts.filter(([, value]) => value !== undefined)
  return html`<footer><h2>Environment</h2><dl class="facts">
${known.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
</dl>
<p><button type="button" id="download" hidden>Download results.json</button></p></footer>`
}

function hash(source: string): string {
  return `sha256-${createHash('sha256').update(source).digest('base64')}`
}

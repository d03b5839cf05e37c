import { html, type Markup } from '../escape.js'
import { figure, percent } from '../figures.js'
import type { ModelResult } from '../results/results.js'
import { allowedDrop, dropText, intervalText, mcnemarText } from '../statement.js'
import { at, scaleOver, ticks } from './scale.js'

/** The drop and its interval against what is allowed, drawn on one scale; below it, whether the data can tell. */
export function intervalFigure(model: ModelResult): Markup | undefined {
  const { drop, resolution, limits } = model
  if (!drop) return undefined
  const allowed = allowedDrop(model)
  const scale = scaleOver([0, drop.value, ...drop.interval, ...(allowed === undefined ? [] : [allowed])])
  const label = `Drop of ${drop.metric} ${dropText(model)}, 95 % interval ${intervalText(model)}${allowed === undefined ? '' : `, allowed ${figure(allowed)}`}.`
  return html`<figure class="interval"><h3>Drop of ${drop.metric}</h3>
<svg class="scale" role="img" aria-label="${label}">
${allowed !== undefined && zones(scale(allowed))}
${ticks(scale)}
<line class="zero" x1="${at(scale(0))}" x2="${at(scale(0))}" y1="24" y2="64"/>
${allowed !== undefined && allowedLine(allowed, scale(allowed))}
<rect class="span" x="${at(scale(drop.interval[0]))}" width="${at(scale(drop.interval[1]) - scale(drop.interval[0]))}" y="39" height="10" rx="5"/>
<circle class="point ${model.verdict}" cx="${at(scale(drop.value))}" cy="44" r="7.5"/>
</svg>
<figcaption><p class="legend"><span><svg class="key" aria-hidden="true"><circle class="point ${model.verdict}" cx="50%" cy="50%" r="6"/></svg>measured ${dropText(model)}</span>
<span><svg class="key" aria-hidden="true"><rect class="span" width="100%" y="3" height="8" rx="4"/></svg>95 % interval ${intervalText(model)}${drop.method && `, ${drop.method}`}</span></p>
${resolution && html`<p class="${resolution.resolves ? 'resolves' : 'unresolved'}">${resolution.message}</p>`}
${mcnemarText(model) !== undefined && html`<p>${mcnemarText(model)}</p>`}
${limits?.certainty !== undefined && html`<p>The limit asks for ${percent(limits.certainty)} certainty that the drop is below it.</p>`}</figcaption>
</figure>`
}

/** What is allowed, and what is not. */
export function zones(limit: number): Markup {
  return html`<rect class="allowed" x="0" width="${at(limit)}" y="24" height="40" rx="3"/><rect class="exceeded" x="${at(limit)}" width="${at(100 - limit)}" y="24" height="40" rx="3"/>`
}

export function allowedLine(allowed: number, x: number): Markup {
  const anchor = x > 75 ? 'end' : x < 25 ? 'start' : 'middle'
  return html`<line class="limit" x1="${at(x)}" x2="${at(x)}" y1="20" y2="64"/><text class="limit" x="${at(x)}" y="13" text-anchor="${anchor}">allowed ${figure(allowed)}</text>`
}

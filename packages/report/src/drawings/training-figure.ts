import { html, type Markup } from '../escape.js'
import { figure, formatCount } from '../figures.js'
import type { ModelResult } from '../results/results.js'
import { type Look, looksOf, metricName, trainingText } from '../training.js'

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [640, 150, 46, 22]
/** A scale that would begin so near to 0, as a share of its length, begins there. */
const NEAR_ZERO = 0.25

/** Loss and metric over the steps of retraining. */
export function trainingFigure(model: ModelResult): Markup | undefined {
  const { trainings = [] } = model
  const looks = looksOf(trainings)
  if (looks.length < 2) return undefined
  const metric = metricName(trainings)
  const losses = plot(looks, {
    name: 'loss',
    lines: [
      ['c0', 'training samples', (look) => look.loss],
      ['c1', 'held-out samples', (look) => look.heldOut],
    ],
  })
  return html`<figure class="training"><div class="title"><h3>Retraining</h3></div><p>${trainingText(model)}.</p>
${losses}
${metric !== undefined && plot(looks, { name: `${metric} on held-out samples`, lines: [['c1', 'held-out samples', (look) => look.metric]] })}</figure>`
}

type Line = readonly [kind: string, name: string, value: (look: Look) => number | undefined]

function plot(looks: readonly Look[], { name, lines }: { readonly name: string; readonly lines: readonly Line[] }): Markup {
  const present = lines.filter(([, , value]) => looks.some((look) => value(look) !== undefined))
  const values = looks.flatMap((look) => present.flatMap(([, , value]) => value(look) ?? []))
  const [lowest, high] = [Math.min(...values), Math.max(...values)]
  const low = lowest >= 0 && lowest < NEAR_ZERO * high ? 0 : lowest
  const range = high - low || Math.abs(high) || 1
  const last = looks.at(-1)!.step || 1
  const x = (step: number) => LEFT + (step / last) * (WIDTH - LEFT)
  const y = (value: number) => HEIGHT - ((value - low) / range) * HEIGHT
  const polylines = present.map(([kind, title, value]) => {
    const points = looks.flatMap((look) => {
      const own = value(look)
      return own === undefined ? [] : [`${x(look.step).toFixed(1)},${y(own).toFixed(1)}`]
    })
    return html`<polyline class="curve ${kind}" points="${points.join(' ')}"><title>${title}</title></polyline>`
  })
  const stages = looks.filter(({ stage }) => stage !== undefined && stage > 1)
  const numbers = [low, low + range / 2, low + range]
  return html`<p class="name">${name}</p>
<svg viewBox="0 -8 ${WIDTH + 8} ${HEIGHT + BOTTOM + 8}" role="img" aria-label="${name} over ${last} steps, from ${figure(values[0]!)} to ${figure(values.at(-1)!)}">
${numbers.map((value) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}"/><text class="value" x="${LEFT - 8}" y="${(y(value) + 3).toFixed(1)}">${figure(value, 3)}</text>`)}
${stages.map(({ step, stage }) => html`<line class="stage" x1="${x(step).toFixed(1)}" x2="${x(step).toFixed(1)}" y1="0" y2="${HEIGHT}"><title>stage ${stage}</title></line>`)}
${[0, last].map((step) => html`<text class="${step === 0 ? 'first' : 'last'}" x="${x(step).toFixed(1)}" y="${HEIGHT + 16}">${step === 0 ? '0' : `step ${formatCount(step)}`}</text>`)}
${polylines}</svg>
${present.length > 1 && html`<p class="legend">${present.map(([kind, title]) => html`<span><svg class="key" aria-hidden="true"><line class="curve ${kind}" x2="100%" y1="50%" y2="50%"/></svg>${title}</span>`)}</p>`}`
}

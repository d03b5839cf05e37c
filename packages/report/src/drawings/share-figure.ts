import { html, type Markup } from '../escape.js'
import { formatCount, share } from '../figures.js'
import type { ModelResult } from '../results/results.js'

/** Fewer bars than this do not fill the width: they would be slabs. */
const FEWEST_SLOTS = 16

/** What went of one thing, as a fraction of it. */
interface Bar {
  readonly text: string
  /** How wide it is where widths are weighted. */
  readonly weight: number
  readonly before: number
  readonly after: number
}

/** Zeros of each layer that was masked. */
export function sparsityFigure({ layers = [], sparsity }: ModelResult): Markup | undefined {
  if (layers.length === 0) return undefined
  const bars = layers.map(({ name, op, shape, elements, sparsity: { before, after } }, i) => {
    const earlier = before > 0 ? ` (before ${share(before)})` : ''
    return {
      text: `${i + 1}. ${name}: ${op} ${shape.join(' × ')}, ${share(after)} zeros${earlier}`,
      weight: elements,
      before,
      after,
    }
  })
  return shareFigure(bars, { title: 'Zeros per layer', thing: 'layer', weight: 'weights', overall: sparsity?.after })
}

/** Units that are gone of each group that was cut. */
export function removalFigure({ groups = [] }: ModelResult): Markup | undefined {
  if (groups.length === 0) return undefined
  const bars = groups.map(({ id, structure, units, removed }, i) => {
    const after = units === 0 ? 0 : removed / units
    const counts = `${formatCount(removed)} of ${formatCount(units)} units gone`
    return { text: `${i + 1}. ${id}: ${structure}, ${counts} (${share(after)})`, weight: units, before: 0, after }
  })
  const [removed, units] = [sum(groups.map((group) => group.removed)), sum(groups.map((group) => group.units))]
  const overall = units === 0 ? 0 : removed / units
  return shareFigure(bars, { title: 'Units removed per group', thing: 'group', weight: 'units', overall })
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}

interface Words {
  readonly title: string
  /** What a bar is. */
  readonly thing: string
  /** What widths count where they are weighted. */
  readonly weight: string
  /** The fraction of all together. */
  readonly overall?: number | undefined
}

/**
 * Bars in the model's order, readable without script. With it, pointing or the arrow keys name one, and the bars can be made as wide as what they stand
 * for has weights or units, so that an area is a number of them.
 */
function shareFigure(bars: readonly Bar[], { title, thing, weight, overall }: Words): Markup {
  const before = bars.some((bar) => bar.before > 0)
  const slots = Math.max(bars.length, FEWEST_SLOTS)
  const columns = bars.map((bar, i) => {
    const [x, width] = [`${((100 * (i + 0.09)) / slots).toFixed(3)}%`, `${(82 / slots).toFixed(3)}%`]
    const rect = (kind: string, value: number) =>
      html`<rect class="${kind}" x="${x}" width="${width}" y="${(100 - value * 100).toFixed(2)}%" height="${(value * 100).toFixed(2)}%"/>`
    return html`<g data-text="${bar.text}" data-elements="${bar.weight}">${rect('hit', 1)}${rect('after', bar.after)}${before && rect('before', bar.before)}</g>\n`
  })
  return html`<figure class="shares"><div class="title"><h3>${title}</h3>
<label hidden><input type="checkbox"> width by number of ${weight}</label></div>
<div class="plot"><div class="axis" aria-hidden="true"><span>100 %</span><span>50 %</span><span>0 %</span></div>
<div class="bars" tabindex="0" role="group" aria-label="${title}. The arrow keys go from ${thing} to ${thing}.">
<svg class="canvas" aria-hidden="true" data-slots="${slots}">
${[0, 25, 50, 75, 100].map((y) => html`<line class="grid" x1="0" x2="100%" y1="${y}%" y2="${y}%"/>`)}
${columns}${overall !== undefined && line(overall)}
</svg>
<svg class="numbers" aria-hidden="true">${numbers(bars.length, slots)}</svg></div></div>
<p class="legend"><span><svg class="key" aria-hidden="true"><rect class="after" width="100%" height="100%" rx="2"/></svg>${before ? `a ${thing} after` : `one ${thing}`}</span>
${before && html`<span><svg class="key" aria-hidden="true"><rect class="after" width="100%" height="100%" rx="2"/><rect class="before" width="100%" height="100%" rx="2"/></svg>of these, before</span>`}
${overall !== undefined && html`<span><svg class="key" aria-hidden="true"><line class="overall" x2="100%" y1="50%" y2="50%"/></svg>all together ${share(overall)}</span>`}</p>
<p class="readout" role="status">Point at a bar to see its ${thing}</p>
</figure>`
}

/** The fraction of all together. */
function line(fraction: number): Markup {
  const y = (100 - fraction * 100).toFixed(2)
  return html`<line class="overall" x1="0" x2="100%" y1="${y}%" y2="${y}%"/>`
}

/** At most eleven numbers, below the middle of their bars. */
function numbers(count: number, slots: number): Markup[] {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((every) => count / every <= 11) ?? count
  const places = Array.from({ length: count }, (_, i) => i + 1).filter((n) => n === 1 || (n % step === 0 && n - 1 >= step * 0.8))
  return places.map((n) => html`<text x="${((100 * (n - 0.5)) / slots).toFixed(3)}%" y="16" text-anchor="middle">${n}</text>`)
}

import { html, type Markup } from './escape.js'
import { percent } from './figures.js'
import type { ModelResult } from './results.js'

/** Fewer layers than this do not fill the width: bars would be slabs. */
const FEWEST_SLOTS = 16

/**
 * Bars of the sparsity of each layer, in the model's order, readable without script. With it, pointing or the arrow keys name a layer, and the bars
 * can be made as wide as their layer has weights, so that an area is a number of zeros.
 */
export function sparsityFigure({ layers = [], sparsity }: ModelResult): Markup | undefined {
  if (layers.length === 0) return undefined
  const before = layers.some((layer) => layer.sparsity.before > 0)
  const slots = Math.max(layers.length, FEWEST_SLOTS)
  const bars = layers.map(({ name, op, shape, elements, sparsity: { before, after } }, i) => {
    const text = `${i + 1}. ${name}: ${op} ${shape.join(' × ')}, ${percent(after)} zeros${before > 0 ? ` (before ${percent(before)})` : ''}`
    const [x, width] = [`${((100 * (i + 0.09)) / slots).toFixed(3)}%`, `${(82 / slots).toFixed(3)}%`]
    const bar = (kind: string, value: number) =>
      html`<rect class="${kind}" x="${x}" width="${width}" y="${(100 - value * 100).toFixed(2)}%" height="${(value * 100).toFixed(2)}%"/>`
    return html`<g data-text="${text}" data-elements="${elements}">${bar('hit', 1)}${bar('after', after)}${before > 0 && bar('before', before)}</g>\n`
  })
  return html`<figure class="sparsity"><div class="title"><h3>Zeros per layer</h3>
<label hidden><input type="checkbox"> width by number of weights</label></div>
<div class="plot"><div class="axis" aria-hidden="true"><span>100 %</span><span>50 %</span><span>0 %</span></div>
<div class="bars" tabindex="0" role="group" aria-label="Zeros per layer. The arrow keys go from layer to layer.">
<svg class="canvas" aria-hidden="true" data-slots="${slots}">
${[0, 25, 50, 75, 100].map((y) => html`<line class="grid" x1="0" x2="100%" y1="${y}%" y2="${y}%"/>`)}
${bars}${sparsity && line(sparsity.after)}
</svg>
<svg class="numbers" aria-hidden="true">${numbers(layers.length, slots)}</svg></div></div>
<p class="legend"><span><svg class="key" aria-hidden="true"><rect class="after" width="100%" height="100%" rx="2"/></svg>${before ? 'a layer after' : 'one layer'}</span>
${before && html`<span><svg class="key" aria-hidden="true"><rect class="after" width="100%" height="100%" rx="2"/><rect class="before" width="100%" height="100%" rx="2"/></svg>of these, before</span>`}
${sparsity && html`<span><svg class="key" aria-hidden="true"><line class="overall" x2="100%" y1="50%" y2="50%"/></svg>all together ${percent(sparsity.after)}</span>`}</p>
<p class="readout" role="status">Point at a bar to see its layer</p>
</figure>`
}

/** The sparsity of all layers together. */
function line(fraction: number): Markup {
  const y = (100 - fraction * 100).toFixed(2)
  return html`<line class="overall" x1="0" x2="100%" y1="${y}%" y2="${y}%"/>`
}

/** At most eleven layer numbers, below the middle of their bars. */
function numbers(count: number, slots: number): Markup[] {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((every) => count / every <= 11) ?? count
  const shown = Array.from({ length: count }, (_, i) => i + 1).filter((n) => n === 1 || (n % step === 0 && n - 1 >= step * 0.8))
  return shown.map((n) => html`<text x="${((100 * (n - 0.5)) / slots).toFixed(3)}%" y="16" text-anchor="middle">${n}</text>`)
}

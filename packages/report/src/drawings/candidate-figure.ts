import { candidateName, isSame } from '../candidate-name.js'
import { html, type Markup } from '../escape.js'
import { figure, size } from '../figures.js'
import type { SmallestSearchResult } from '../results/smallest-fields.js'
import { dropScale, frontOf } from './drop-scale.js'

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [640, 220, 52, 24]

/** All measured candidates by the size of the zipped file and the drop with its interval; the limit, and the line of the smallest for each drop. */
export function candidateFigure({ tried, chosen, maxDrop, metric, reference }: SmallestSearchResult): Markup | undefined {
  const measured = tried.flatMap(({ drop, size: own, ...one }) => (drop && own ? [{ ...one, drop, bytes: own.zippedBytes }] : []))
  if (measured.length < 2) return undefined
  const limit = typeof maxDrop === 'number' ? maxDrop : maxDrop.relative * Math.abs(reference.value)
  const ends = measured.flatMap(({ drop }) => [...drop.interval])
  const { y, levels } = dropScale(ends, { limit, top: 0, height: HEIGHT })
  const largest = Math.max(...measured.map(({ bytes }) => bytes))
  const x = (bytes: number) => LEFT + (bytes / largest) * (WIDTH - LEFT - 10)
  const points = measured.map(({ bytes, drop, outcome, ...one }) => {
    const isChosen = isSame(one, chosen)
    const name = `${candidateName(one)}: ${size(bytes)}, drop ${figure(drop.value, 3)}`
    const [from, to] = [y(drop.interval[1]), y(drop.interval[0])]
    return html`<g class="${outcome === 'pass' ? 'pass' : 'fail'}"><title>${name}</title><line class="span" x1="${x(bytes).toFixed(1)}" x2="${x(bytes).toFixed(1)}" y1="${from.toFixed(1)}" y2="${to.toFixed(1)}"/><circle class="point ${outcome === 'pass' ? 'pass' : 'fail'}" cx="${x(bytes).toFixed(1)}" cy="${y(drop.value).toFixed(1)}" r="${isChosen ? 7 : 4.5}"/></g>\n`
  })
  const passing = measured.flatMap(({ outcome, bytes, drop }) => (outcome === 'pass' ? [{ bytes, drop: drop.value }] : []))
  const front = frontOf(passing).map(({ bytes, drop }) => `${x(bytes).toFixed(1)},${y(drop).toFixed(1)}`)
  return html`<svg viewBox="0 -8 ${WIDTH + 8} ${HEIGHT + BOTTOM + 12}" role="img" aria-label="Drop of ${metric} of ${measured.length} candidates by the bytes of the zipped file; the table below holds the numbers.">
${levels.map((value) => html`<line class="${value === limit ? 'limit' : 'grid'}" x1="${LEFT}" x2="${WIDTH}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}"/><text class="value" x="${LEFT - 8}" y="${(y(value) + 3).toFixed(1)}">${figure(value, 2)}</text>`)}
${[0, largest / 2, largest].map((bytes) => html`<text class="amount" x="${x(bytes).toFixed(1)}" y="${HEIGHT + 18}">${size(Math.round(bytes))}</text>`)}
${front.length > 1 && html`<polyline class="front" points="${front.join(' ')}"/>`}
${points}</svg>
<p class="legend"><span><svg class="key pass" aria-hidden="true"><circle class="point pass" cx="50%" cy="50%" r="5"/></svg>passes; the large one was chosen</span><span><svg class="key" aria-hidden="true"><circle class="point fail" cx="50%" cy="50%" r="5"/></svg>fails</span><span>drop of ${metric} upwards, with its 95 % interval; bytes of the zipped file to the right; the thick line is what is allowed</span></p>`
}

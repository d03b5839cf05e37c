import { html, type Markup } from '../escape.js'
import { figure, size } from '../figures.js'
import { APART, dropScale, frontOf } from './drop-scale.js'
import { at } from './scale.js'

/** A model that a user might take: what it takes, and what it costs. */
export interface TradeOffPoint {
  readonly name: string
  readonly bytes: number
  /** How much worse than the reference, with its 95 % interval where it was measured. */
  readonly drop: number
  readonly interval?: readonly [number, number] | undefined
  /** Of the one that the gate judged. Default: it is there to compare with */
  readonly verdict?: 'pass' | 'fail' | 'incomplete' | undefined
}

interface TradeOff {
  readonly metric: string
  /** The largest drop that is allowed. Default: there is no limit */
  readonly limit: number | undefined
}

/** Pixels: the width follows the page, so that letters keep their size. */
const [TOP, HEIGHT, BOTTOM] = [12, 180, 30]
/** Share of the width that two labels beside one another need, on a narrow page too. */
const BESIDE = 0.07
/** Share of the width from which on a label stands to the left of its point. */
const LAST = 0.9

/** What models lose, upwards, by the bytes of their zipped files, to the right. The dashed line joins those that no other beats in both. */
export function tradeOffFigure(points: readonly TradeOffPoint[], { metric, limit }: TradeOff): Markup | undefined {
  if (points.length < 2) return undefined
  const ends = points.flatMap(({ drop, interval }) => interval ?? [drop])
  const { y, levels, beyond } = dropScale(ends, { limit, top: TOP, height: HEIGHT })
  const largest = Math.max(...points.map(({ bytes }) => bytes)) || 1
  const x = (bytes: number) => at(2 + (94 * bytes) / largest)
  const front = frontOf(points)
  const labels = labelsOf(points.map(({ bytes, drop }) => ({ x: bytes / largest, y: y(drop) })))
  return html`<div class="trade">
<svg class="levels" aria-hidden="true">${levels.map((value) => html`<text class="${value === limit ? 'limit' : ''}" x="100%" y="${(y(value) + 4).toFixed(1)}">${figure(value, 2)}</text>`)}</svg>
<svg role="img" aria-label="Drop of ${metric} of ${points.length} models by the bytes of the zipped file; the table below holds the numbers.">
${levels.map((value) => html`<line class="${value === limit ? 'limit' : 'grid'}" x2="100%" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}"/>`)}
${front.slice(1).map((point, i) => html`<line class="front" x1="${x(front[i]!.bytes)}" x2="${x(point.bytes)}" y1="${y(front[i]!.drop).toFixed(1)}" y2="${y(point.drop).toFixed(1)}"/>`)}
${points.map((point, i) => pointMark(point, { x, y, label: labels[i]!, isLast: point.bytes > LAST * largest }))}
${[0, largest / 2, largest].map((bytes, i) => html`<text x="${x(bytes)}" y="${TOP + HEIGHT + BOTTOM - 4}" text-anchor="${['start', 'middle', 'end'][i]!}">${size(Math.round(bytes))}</text>`)}
</svg></div>
<p class="legend">${points.map(({ name }, i) => html`<span><b>${i + 1}</b> ${name}</span>`)}<span>drop of ${metric} upwards, with its 95 % interval; bytes of the zipped file to the right${limit !== undefined && '; the thick line is what is allowed'}${beyond !== undefined && html`; what loses more than ${figure(beyond, 2)} lies on the upper edge`}</span></p>`
}

interface MarkPlace {
  readonly x: (bytes: number) => string
  readonly y: (drop: number) => number
  readonly label: string
  /** Whether there is no room to its right. */
  readonly isLast: boolean
}

function pointMark({ name, bytes, drop, interval, verdict }: TradeOffPoint, { x, y, label, isLast }: MarkPlace): Markup {
  const own = x(bytes)
  const text = `${name}: ${size(bytes)}, drop ${figure(drop, 3)}`
  const span =
    interval &&
    html`<line class="range" x1="${own}" x2="${own}" y1="${y(interval[1]).toFixed(1)}" y2="${y(interval[0]).toFixed(1)}"/>`
  const side = isLast ? html`dx="-11" text-anchor="end"` : html`dx="11"`
  return html`<g class="${verdict ?? 'other'}"><title>${text}</title>${span}<circle class="point" cx="${own}" cy="${y(drop).toFixed(1)}" r="${verdict === undefined ? 5 : 7.5}"/><text class="name" x="${own}" y="${(y(drop) + 4).toFixed(1)}" ${side}>${label}</text></g>\n`
}

/** Numbers of points, counted from 1. Those whose labels would touch are told at the first of them: '2, 3'. */
function labelsOf(places: readonly { readonly x: number; readonly y: number }[]): readonly string[] {
  const firstAt: number[] = []
  for (const { x, y } of places) {
    const near = places.findIndex((other) => Math.abs(other.x - x) < BESIDE && Math.abs(other.y - y) < APART)
    firstAt.push(firstAt[near] ?? near)
  }
  return places.map((_, i) => firstAt.flatMap((first, j) => (first === i ? [j + 1] : [])).join(', '))
}

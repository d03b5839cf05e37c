import { html, type Markup } from './escape.js'
import { figure, formatCount, share } from './figures.js'
import { page } from './page/page.js'
import { pageStyle } from './page/page-style.js'
import { type TableColumn, table } from './page/table.js'

/** What each part of a model costs when it alone is pruned. */
export interface CurvesView {
  /** Of the model. */
  readonly path: string
  /** 'KL divergence from the whole model', 'drop of accuracy'. */
  readonly loss: string
  /** 'sparsity' of weights, 'ratio' of groups. */
  readonly amount: 'sparsity' | 'ratio'
  /** How it was pruned and on what: one sentence. */
  readonly note: string
  readonly curves: readonly CurveView[]
}

export interface CurveView {
  readonly id: string
  /** Elements, or units. */
  readonly size: number
  /** From amount 0 on, ascending. */
  readonly points: readonly { readonly amount: number; readonly loss: number }[]
}

/** One self-contained page: the curves of all parts on one logarithmic scale, the costliest named, and a table of all numbers. */
export function renderCurves(view: CurvesView): string {
  const title = `What pruning costs, by ${view.amount === 'sparsity' ? 'weight' : 'group'}`
  const body = html`<main>
<header><h1>${title}</h1><p>${view.path}. ${view.note}</p></header>
<section class="card"><h2>Loss against ${view.amount}</h2>${plot(view)}</section>
<section class="card"><h2>All of them, the costliest first</h2>${numbers(view)}</section>
</main>`
  return page({ title: `${title}: ${view.path}`, style: `${pageStyle}${STYLE}`, body })
}

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [640, 300, 64, 28]
/** Powers of ten that the scale shows; what is lower lies on its bottom line. */
const DECADES = 4
/** Curves with a colour of their own. */
const NAMED = 5

/** The curves, those that end highest in colour and named. */
function plot({ curves, loss, amount }: CurvesView): Markup {
  const ranked = byCost(curves)
  const worst = Math.max(...ranked.map(highest), Number.MIN_VALUE)
  const top = Math.ceil(Math.log10(worst))
  const most = Math.max(...curves.flatMap(({ points }) => points.map((point) => point.amount)), 0)
  const x = (value: number) => LEFT + (value / (most || 1)) * (WIDTH - LEFT)
  const y = (value: number) => HEIGHT * Math.min(1, value > 0 ? (top - Math.log10(value)) / DECADES : 1)
  const polylines = ranked.map(({ id, points }, rank) => {
    // Nothing pruned costs nothing, which a logarithmic scale does not show.
    const path = points
      .filter(({ amount }) => amount > 0)
      .map((point) => `${x(point.amount).toFixed(1)},${y(point.loss).toFixed(1)}`)
      .join(' ')
    return html`<polyline class="${kindOf(rank)}" points="${path}"><title>${id}</title></polyline>\n`
  })
  const ticks = Array.from({ length: DECADES + 1 }, (_, i) => top - i)
  const amounts = [...new Set(curves.flatMap(({ points }) => points.map((point) => point.amount)))].sort((a, b) => a - b)
  const few = `the ${Math.min(NAMED, ranked.length)} costliest in colour, the others grey`
  return html`<figure class="curves"><p>${loss}, on a logarithmic scale; ${few}. What costs less than the lowest line lies on it.</p>
<svg viewBox="0 -8 ${WIDTH + 28} ${HEIGHT + BOTTOM + 8}" role="img" aria-label="${loss} against ${amount}, one line for each; the table below holds the numbers.">
${ticks.map((power) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${y(10 ** power).toFixed(1)}" y2="${y(10 ** power).toFixed(1)}"/><text class="value" x="${LEFT - 10}" y="${(y(10 ** power) + 4).toFixed(1)}">${tick(power)}</text>`)}
${amounts.map((value) => html`<text class="amount" x="${x(value).toFixed(1)}" y="${HEIGHT + 20}">${share(value)}</text>`)}
${[...polylines].reverse()}</svg>
<p class="legend">${ranked.slice(0, NAMED).map(({ id }, rank) => html`<span><svg class="key" aria-hidden="true"><line class="${kindOf(rank)}" x2="100%" y1="50%" y2="50%"/></svg>${id}</span>\n`)}</p></figure>`
}

const kindOf = (rank: number) => (rank < NAMED ? `curve c${rank}` : 'curve')

function tick(power: number): string {
  return power >= -3 && power <= 4 ? String(Number((10 ** power).toPrecision(1))) : `1e${power}`.replace('-', '−')
}

function numbers({ curves, amount }: CurvesView): Markup {
  const amounts = [...new Set(curves.flatMap(({ points }) => points.map((point) => point.amount)))].filter((value) => value > 0)
  const lossAt = ({ points }: CurveView, at: number) => points.find((point) => point.amount === at)?.loss
  const columns: TableColumn<CurveView>[] = [
    { title: amount === 'sparsity' ? 'Weight' : 'Group', cell: ({ id }) => id, heading: true },
    {
      title: amount === 'sparsity' ? 'Elements' : 'Units',
      number: ({ size }) => size,
      cell: ({ size }) => formatCount(size),
    },
    ...amounts
      .sort((a, b) => a - b)
      .map((at): TableColumn<CurveView> => {
        const cell = (curve: CurveView) => (lossAt(curve, at) === undefined ? '–' : figure(lossAt(curve, at)!, 3))
        return { title: `at ${share(at)}`, number: (curve) => lossAt(curve, at), cell }
      }),
  ]
  return table({ label: `Loss by ${amount}`, columns, rows: byCost(curves) })
}

/** Those that cost most at their last point first. */
function byCost(curves: readonly CurveView[]): CurveView[] {
  return [...curves].sort((a, b) => (b.points.at(-1)?.loss ?? 0) - (a.points.at(-1)?.loss ?? 0))
}

function highest({ points }: CurveView): number {
  return Math.max(0, ...points.map(({ loss }) => loss))
}

const STYLE = `
main > header { padding-top: 20px; } main > header p { margin-top: 10px; color: var(--soft); overflow-wrap: anywhere; }
.curves { margin-top: 8px; --c0: #b3261e; --c1: #a35200; --c2: #3f63d8; --c3: #7b3fc4; --c4: #0f766e; }
@media (prefers-color-scheme: dark) { .curves { --c0: #ff938a; --c1: #efa04e; --c2: #6f93ff; --c3: #c79bff; --c4: #4fd1c0; } }
.curves > svg { display: block; width: 100%; margin: 14px 0 4px; font-size: 13px; }
.curves .legend span { min-width: 0; overflow-wrap: anywhere; }
.curves text { fill: var(--soft); } .curves .value { text-anchor: end; } .curves .amount { text-anchor: middle; }
.curve { fill: none; stroke: var(--soft); stroke-opacity: .4; stroke-width: 1.25; }
.c0, .c1, .c2, .c3, .c4 { stroke-opacity: 1; stroke-width: 2.5; }
.c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); } .c3 { stroke: var(--c3); } .c4 { stroke: var(--c4); }
`

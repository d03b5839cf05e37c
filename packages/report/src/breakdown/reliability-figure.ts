import { html, type Markup } from '../escape.js'
import { formatCount, share } from '../figures.js'
import { type TableColumn, table } from '../page/table.js'
import type { ModelResult } from '../results/results.js'
import type { ReliabilityResult } from './fields.js'

const [SIZE, LEFT, RIGHT, BOTTOM] = [260, 62, 24, 40]

type Bin = ReliabilityResult['bins'][number]

/** How often answers are right that a model is so sure of. On the diagonal it is right as often as it thinks. */
export function reliabilityFigure({ reliability }: ModelResult): Markup | undefined {
  if (reliability === undefined) return undefined
  const { before, after } = reliability
  const errors = `expected calibration error ${share(before.error)} before, ${share(after.error)} after`
  return html`<figure class="reliability"><h3>Confidence</h3>
<p>${judgement(after)} ${errors[0]!.toUpperCase()}${errors.slice(1)}.</p>
<svg viewBox="0 -8 ${LEFT + SIZE + RIGHT} ${SIZE + BOTTOM + 8}" role="img" aria-label="Share of right answers against confidence; ${errors}. The table below holds the numbers.">
${[0, 0.5, 1].map((value) => grid(value))}
<line class="ideal" x1="${LEFT}" y1="${SIZE}" x2="${LEFT + SIZE}" y2="0"/>
${curve(before.bins, 'c1')}${curve(after.bins, 'c0')}
${before.bins.map((bin) => hollow(bin, samplesOf(before)))}${after.bins.map((bin) => solid(bin, samplesOf(after)))}
<text class="along" x="${LEFT + SIZE / 2}" y="${SIZE + 34}">confidence of the answer</text>
<text class="along" transform="translate(14 ${SIZE / 2}) rotate(-90)">share that is right</text></svg>
<p class="legend"><span><svg class="key" aria-hidden="true"><circle class="hollow" cx="50%" cy="50%" r="5"/></svg>before</span>
<span><svg class="key" aria-hidden="true"><rect class="solid" x="5" y="2" width="10" height="10"/></svg>after</span>
<span><svg class="key" aria-hidden="true"><line class="ideal" x2="100%" y1="50%" y2="50%"/></svg>as often right as sure</span> <span>the larger, the more samples</span></p>
<details><summary>Confidence in numbers</summary>${numbers(reliability)}</details></figure>`
}

/** Weighted by samples: whether it is too sure, or less sure than it could be. */
function judgement(reliability: ReliabilityResult): string {
  const all = samplesOf(reliability)
  const mean = (of: (bin: Bin) => number) => reliability.bins.reduce((sum, bin) => sum + bin.samples * of(bin), 0) / all
  const [sure, right] = [mean(({ confidence }) => confidence), mean((bin) => bin.right)]
  const numbers = `on average ${share(sure)} sure, and ${share(right)} right`
  if (Math.abs(sure - right) < 0.02) return `The pruned model is about as sure as it is right: ${numbers}.`
  return `The pruned model is ${sure > right ? 'too sure' : 'less sure than it could be'}: ${numbers}.`
}

function samplesOf({ bins }: ReliabilityResult): number {
  return bins.reduce((sum, { samples }) => sum + samples, 0)
}

const x = (value: number) => (LEFT + value * SIZE).toFixed(1)
const y = (value: number) => ((1 - value) * SIZE).toFixed(1)

function grid(value: number): Markup {
  return html`<line class="grid" x1="${LEFT}" x2="${LEFT + SIZE}" y1="${y(value)}" y2="${y(value)}"/><text class="value" x="${LEFT - 6}" y="${(Number(y(value)) + 4).toFixed(1)}">${share(value).replace('.0', '')}</text><text class="along" x="${x(value)}" y="${SIZE + 17}">${share(value).replace('.0', '')}</text>`
}

function curve(bins: readonly Bin[], kind: string): Markup {
  return html`<polyline class="curve ${kind}" points="${bins.map((bin) => `${x(bin.confidence)},${y(bin.right)}`).join(' ')}"/>`
}

function hollow(bin: Bin, all: number): Markup {
  return html`<circle class="hollow" cx="${x(bin.confidence)}" cy="${y(bin.right)}" r="${(radius(bin, all) + 0.5).toFixed(1)}"><title>before: ${text(bin)}</title></circle>`
}

function solid(bin: Bin, all: number): Markup {
  const side = radius(bin, all) * 1.8
  const [left, top] = [Number(x(bin.confidence)) - side / 2, Number(y(bin.right)) - side / 2].map((one) => one.toFixed(1))
  return html`<rect class="solid" x="${left}" y="${top}" width="${side.toFixed(1)}" height="${side.toFixed(1)}"><title>after: ${text(bin)}</title></rect>`
}

/** A bin of many samples is larger: one of few says little. */
function radius({ samples }: Bin, all: number): number {
  return 2 + 5 * Math.sqrt(samples / all)
}

function text({ low, high, samples, right }: Bin): string {
  return `${share(low)} to ${share(high)} sure, ${share(right)} of ${formatCount(samples)} right`
}

function numbers({ before, after }: { readonly before: ReliabilityResult; readonly after: ReliabilityResult }): Markup {
  const lows = [...new Set([...before.bins, ...after.bins].map(({ low }) => low))].sort((a, b) => a - b)
  const rows = lows.map((low) => ({
    low,
    before: before.bins.find((bin) => bin.low === low),
    after: after.bins.find((bin) => bin.low === low),
  }))
  type Row = (typeof rows)[number]
  const of = (when: 'before' | 'after'): TableColumn<Row>[] => [
    { title: `Samples ${when}`, number: (row) => row[when]?.samples ?? 0, cell: (row) => formatCount(row[when]?.samples ?? 0) },
    {
      title: `right ${when}`,
      number: (row) => row[when]?.right,
      cell: (row) => (row[when] === undefined ? '–' : share(row[when].right)),
    },
  ]
  const columns: TableColumn<Row>[] = [
    { title: 'Confidence', cell: ({ low }) => `${share(low)} to ${share(low + 0.1)}`, heading: true },
    ...of('before'),
    ...of('after'),
  ]
  return table({ label: 'Confidence in numbers', columns, rows })
}

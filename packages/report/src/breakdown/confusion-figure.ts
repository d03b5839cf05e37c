import { html, type Markup } from '../escape.js'
import { formatCount } from '../figures.js'
import { type TableColumn, table } from '../page/table.js'
import type { ModelResult } from '../results/results.js'
import type { ConfusionResult } from './fields.js'

type Matrix = NonNullable<ConfusionResult['matrix']>
type Cell = ConfusionResult['cells'][number]

/** Classes up to which cells hold numbers, and names stand at the sides. */
const MOST_NUMBERED = 12
const SIZE = 240
const MARGIN = 34
/** A cell that holds this share of its row is full, and its number has the colour of the page. */
const FULL = 0.75

/** Which label is answered with which class: before, after, and what changed. */
export function confusionFigure({ confusion, changed }: ModelResult): Markup | undefined {
  if (confusion === undefined || confusion.cells.length === 0) return undefined
  const { matrix, cells } = confusion
  const columns: TableColumn<Cell>[] = [
    { title: 'Label', cell: ({ label }) => label, heading: true },
    { title: 'Answer', cell: ({ label, answer }) => (label === answer ? `${answer} (right)` : answer) },
    { title: 'before', number: ({ before }) => before, cell: ({ before }) => formatCount(before) },
    { title: 'after', number: ({ after }) => after, cell: ({ after }) => formatCount(after) },
    { title: 'Change', number: ({ before, after }) => after - before, cell: ({ before, after }) => signed(after - before) },
  ]
  const moved = changed === undefined ? '' : `${formatCount(changed.lost)} samples lost, ${formatCount(changed.gained)} gained.`
  return html`<figure class="confusion"><h3>What is mistaken for what</h3>
${matrix && html`<p>A row is a label, a column an answer; right answers lie on the diagonal. ${moved}</p><div class="maps">${maps(matrix)}</div>`}
<details${matrix === undefined && html` open`}><summary>Pairs of label and answer that changed most</summary>${table({ label: 'Pairs of label and answer that changed most', columns, rows: cells })}</details></figure>`
}

function maps(matrix: Matrix): Markup[] {
  const sums = matrix.before.map((row) => row.reduce((sum, count) => sum + count, 0))
  const shareOf = (value: number, row: number) => (sums[row] === 0 ? 0 : value / sums[row]!)
  const difference = matrix.after.map((row, i) => row.map((value, j) => value - matrix.before[i]![j]!))
  const largest = Math.max(1, ...difference.flat().map(Math.abs))
  return [
    heatMap('Before', matrix.before, matrix.names, (value, row) => filled(shareOf(value, row))),
    heatMap('After', matrix.after, matrix.names, (value, row) => filled(shareOf(value, row))),
    heatMap('Difference', difference, matrix.names, (value) => changedLook(value / largest)),
  ]
}

interface Look {
  readonly kind: string
  readonly opacity: number
}

function filled(share: number): Look {
  return share >= FULL ? { kind: 'full', opacity: 1 } : { kind: 'part', opacity: 0.08 + 0.5 * share }
}

/** More is filled, less is an outline: they differ in shape. */
function changedLook(share: number): Look {
  return share > 0 ? { kind: 'more', opacity: 0.15 + 0.4 * share } : { kind: 'less', opacity: 0.35 + 0.65 * -share }
}

function heatMap(
  title: string,
  values: readonly (readonly number[])[],
  names: readonly string[],
  look: (value: number, row: number) => Look,
): Markup {
  const isNumbered = names.length <= MOST_NUMBERED
  const step = SIZE / names.length
  const inset = Math.min(1, step * 0.08)
  const cells = values.flatMap((row, i) =>
    row.flatMap((value, j) => {
      if (value === 0) return []
      const { kind, opacity } = look(value, i)
      const [x, y, width] = [MARGIN + j * step + inset, i * step + inset, step - 2 * inset].map((one) => one.toFixed(2))
      return [
        html`<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${width}" ${kind === 'less' ? 'stroke' : 'fill'}-opacity="${opacity.toFixed(2)}"/>`,
        ...(isNumbered
          ? [
              number(title === 'Difference' ? signed(value) : formatCount(value), {
                x: MARGIN + (j + 0.5) * step,
                y: (i + 0.5) * step,
                kind,
              }),
            ]
          : []),
      ]
    }),
  )
  const right = title === 'Difference' ? '' : `, ${formatCount(values.reduce((sum, row, i) => sum + row[i]!, 0))} right`
  return html`<div><p class="name">${title}</p><svg viewBox="0 0 ${SIZE + MARGIN + 2} ${SIZE + MARGIN}" role="img" aria-label="${title}: ${names.length} classes${right}. The table below names the pairs that changed most.">
<rect class="frame" x="${MARGIN}" y="0.5" width="${SIZE}" height="${SIZE}"/>${cells}
${isNumbered && names.map((name, i) => sides(clip(name), (i + 0.5) * step))}</svg></div>`
}

function number(text: string, { x, y, kind }: { x: number; y: number; kind: string }): Markup {
  return html`<text class="${kind}" x="${x.toFixed(1)}" y="${(y + 3.5).toFixed(1)}">${text}</text>`
}

function sides(name: string, at: number): Markup {
  return html`<text class="row" x="${MARGIN - 5}" y="${(at + 3.5).toFixed(1)}">${name}</text><text class="column" x="${(MARGIN + at).toFixed(1)}" y="${SIZE + 14}">${name}</text>`
}

/** As much as fits beside a row. */
function clip(name: string): string {
  return name.length <= 5 ? name : `${name.slice(0, 4)}…`
}

function signed(value: number): string {
  return value === 0 ? '±0' : `${value > 0 ? '+' : '−'}${formatCount(Math.abs(value))}`
}

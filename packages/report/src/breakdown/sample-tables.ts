import { html, type Markup } from '../escape.js'
import { figure, formatCount, plural } from '../figures.js'
import { type TableColumn, table } from '../page/table.js'
import type { ModelResult } from '../results/results.js'
import type { ChangedSample } from './fields.js'

/** Samples that the page shows; `results.json` has more. */
const MOST_ROWS = 100

/** Samples that only one of the two models got right, those that were lost first. */
export function changedTable({ changed }: ModelResult): Markup | undefined {
  if (changed === undefined || changed.samples.length === 0) return undefined
  const rows = changed.samples.slice(0, MOST_ROWS)
  const columns: TableColumn<ChangedSample>[] = [
    { title: 'Sample', cell: ({ id }) => id, heading: true },
    { title: 'Side', cell: ({ label, before }) => (label === before ? 'lost' : 'gained') },
    { title: 'Label', cell: ({ label }) => label },
    { title: 'Before', cell: ({ before }) => before },
    { title: 'After', cell: ({ after }) => after },
    ...(rows.some(({ text }) => text !== undefined) ? [{ title: 'Text', cell: ({ text }: ChangedSample) => text ?? '' }] : []),
  ]
  const all = changed.lost + changed.gained
  const part = all > rows.length ? ` These are the first ${formatCount(rows.length)}; results.json has more.` : ''
  return html`<details><summary>${plural(all, 'sample')} changed sides: ${formatCount(changed.lost)} lost, ${formatCount(changed.gained)} gained</summary>
<p>Lost: only the reference was right. Gained: only the pruned model is.${part}</p>${table({ label: 'Samples that changed sides', columns, rows })}</details>`
}

type Slice = NonNullable<ModelResult['slices']>[number]

/** The metric for each value of a column, those that changed most first. */
export function sliceTable({ slices = [], metric }: ModelResult): Markup | undefined {
  if (slices.length === 0) return undefined
  const change = ({ before, after }: Slice) => (before === undefined || after === undefined ? undefined : after - before)
  const rows = [...slices].sort((a, b) => Math.abs(change(b) ?? 0) - Math.abs(change(a) ?? 0))
  const value = (number: number | undefined) => (number === undefined ? '–' : figure(number))
  const columns: TableColumn<Slice>[] = [
    { title: 'Slice', cell: ({ by, name }) => `${by} = ${name}`, heading: true },
    { title: 'Samples', number: ({ samples }) => samples, cell: ({ samples }) => formatCount(samples) },
    { title: 'before', number: ({ before }) => before, cell: ({ before }) => value(before) },
    { title: 'after', number: ({ after }) => after, cell: ({ after }) => value(after) },
    { title: 'Change', number: change, cell: (slice) => signed(change(slice)) },
  ]
  return html`<figure><h3>${metric ?? 'The metric'} by slice</h3>${table({ label: 'By slice', columns, rows })}</figure>`
}

function signed(value: number | undefined): string {
  if (value === undefined) return '–'
  return `${value > 0 ? '+' : ''}${figure(value, 3)}`
}

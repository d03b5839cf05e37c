import { html, type Markup } from '../escape.js'

/** One column of a table that a reader can sort by. */
export interface TableColumn<Row> {
  readonly title: string
  readonly cell: (row: Row, index: number) => string | number | Markup
  /** What a column of numbers is sorted by; others are sorted by their text. Undefined comes last. */
  readonly number?: (row: Row, index: number) => number | undefined
  /** Whether the column names its row. Default: false. */
  readonly heading?: boolean
}

/** A table in a region that scrolls by itself where it is too wide. Its headings become buttons that sort. */
export function table<Row>({
  label,
  columns,
  rows,
}: {
  readonly label: string
  readonly columns: readonly TableColumn<Row>[]
  readonly rows: readonly Row[]
}): Markup {
  const kind = ({ number, heading }: TableColumn<Row>) => (number ? 'number' : heading ? 'name' : 'text')
  return html`<div class="scroll" role="group" tabindex="0" aria-label="${label}"><table class="sortable">
<thead><tr>${columns.map((column) => html`<th scope="col" class="${kind(column)}">${column.title}</th>`)}</tr></thead>
<tbody>
${rows.map((row, i) => html`<tr>${columns.map((column) => cell(column, row, i))}</tr>\n`)}</tbody>
</table></div>`
}

function cell<Row>(column: TableColumn<Row>, row: Row, index: number): Markup {
  const content = column.cell(row, index)
  if (column.heading) return html`<th scope="row" class="name">${content}</th>`
  if (!column.number) return html`<td>${content}</td>`
  const value = column.number(row, index)
  return html`<td class="number"${value !== undefined && html` data-value="${value}"`}>${content}</td>`
}

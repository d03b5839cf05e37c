import { html, type Markup } from './escape.js'
import { percent, plural } from './figures.js'
import { type TableColumn, table } from './page/table.js'
import type { ModelResult } from './results/results.js'

type OutputError = NonNullable<NonNullable<ModelResult['quantised']>['outputError']>

/** Of which weights fewer bits put the outputs off, the worst for their size first. Undefined where no error is limited, or no weight was tried alone. */
export function outputErrorTable({ quantised }: ModelResult): Markup | undefined {
  const error = quantised?.outputError
  if (error === undefined || error.weights.length === 0) return undefined
  const columns: TableColumn<OutputError['weights'][number]>[] = [
    { title: '#', number: (_, i) => i + 1, cell: (_, i) => i + 1 },
    { title: 'Weight', cell: ({ id }) => id, heading: true },
    { title: 'Outputs off by', number: ({ error }) => error, cell: ({ error }) => percent(error) },
    { title: 'Bits', cell: ({ isKept }) => bits(isKept, quantised?.method) },
  ]
  return html`<details><summary>${titleOf(error)}</summary><p>${courseOf(error)}</p>${table({ label: 'Sensitive weights', columns, rows: error.weights })}</details>`
}

/** The same for Markdown: a title, a sentence, and a row for each weight. */
export function outputErrorRows(
  { quantised }: ModelResult,
  code: (text: string) => string,
): { readonly title: string; readonly head: string; readonly rows: readonly string[] } | undefined {
  const error = quantised?.outputError
  if (error === undefined || error.weights.length === 0) return undefined
  const head = `${courseOf(error)}\n\n| # | Weight | Outputs off by | Bits |\n| --: | --- | --: | --- |\n`
  const rows = error.weights.map(
    ({ id, error, isKept }, i) => `| ${i + 1} | ${code(id)} | ${percent(error)} | ${bits(isKept, quantised?.method)} |\n`,
  )
  return { title: titleOf(error), head, rows }
}

function titleOf({ weights }: OutputError): string {
  return `What fewer bits of ${plural(weights.length, 'weight')} do to the outputs`
}

function courseOf({ allowed, before, after }: OutputError): string {
  return `With all weights in fewer bits outputs were off by ${percent(before)} of their size on the calibration data, and are now by ${percent(after)}; allowed is ${percent(allowed)}. Each weight alone:`
}

function bits(isKept: boolean, method: string | undefined): string {
  return isKept ? (method === 'int4' ? '8, for that' : 'floats, for that') : 'fewer'
}

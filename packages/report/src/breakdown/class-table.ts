import { html, type Markup } from '../escape.js'
import { formatCount, share } from '../figures.js'
import { type TableColumn, table } from '../page/table.js'
import type { ModelResult } from '../results/results.js'
import type { ClassResult } from './fields.js'
import { changedClasses, isLost } from './findings.js'

/** Classes that the table shows; `results.json` has all. */
const MOST_ROWS = 100

/** What happened to each class: the share that is right before and after as a bar with a mark, those that lost most first. */
export function classTable({ classes = [] }: ModelResult): Markup | undefined {
  if (classes.length === 0) return undefined
  const changed = changedClasses(classes)
  const nonEmpty = classes.filter(({ samples }) => samples > 0)
  const rows = [...changed, ...nonEmpty.filter((one) => !changed.includes(one))].filter(({ samples }) => samples > 0)
  const columns: TableColumn<ClassResult>[] = [
    { title: 'Class', cell: className, heading: true },
    { title: 'Right', number: (one) => one.share!.after, cell: bar },
    { title: 'before', number: (one) => one.share!.before, cell: (one) => share(one.share!.before) },
    { title: 'after', number: (one) => one.share!.after, cell: (one) => share(one.share!.after) },
    { title: 'Change', number: changeOf, cell: (one) => points(changeOf(one)) },
    { title: 'Samples', number: ({ samples }) => samples, cell: ({ samples }) => formatCount(samples) },
    { title: 'Lost', number: ({ lost }) => lost, cell: ({ lost }) => formatCount(lost) },
    { title: 'Gained', number: ({ gained }) => gained, cell: ({ gained }) => formatCount(gained) },
  ]
  const more = rows.length - MOST_ROWS
  return html`<figure class="classes"><h3>Right answers by class</h3>
<p class="legend"><span><svg class="key" aria-hidden="true"><rect class="after" y="3" width="100%" height="8" rx="2"/></svg>after</span>
<span><svg class="key" aria-hidden="true"><line class="mark" x1="50%" x2="50%" y2="100%"/></svg>before</span></p>
${table({ label: 'Right answers by class', columns, rows: rows.slice(0, MOST_ROWS) })}
${more > 0 && html`<p>And ${formatCount(more)} more classes, which lost less; results.json has all.</p>`}</figure>`
}

function className(one: ClassResult): Markup {
  return html`${one.name}${isLost(one) && html` <span class="chip fail">lost</span>`}`
}

function bar({ share: right }: ClassResult): Markup {
  const [before, after] = [right!.before * 100, right!.after * 100]
  return html`<svg class="right" aria-hidden="true"><rect class="track" y="6" width="100%" height="8" rx="2"/><rect class="after" y="6" width="${after.toFixed(2)}%" height="8" rx="2"/><line class="mark" x1="${before.toFixed(2)}%" x2="${before.toFixed(2)}%" y1="1" y2="19"/></svg>`
}

function changeOf({ share: right }: ClassResult): number {
  return right!.after - right!.before
}

/** '−12.5 points': a difference of two shares. */
function points(difference: number): string {
  if (Math.abs(difference) < 0.0005) return '±0'
  return `${difference > 0 ? '+' : '−'}${(Math.abs(difference) * 100).toFixed(1)}`
}

import { html, type Markup, mdText } from './escape.js'
import { figure, formatCount, plural, rough } from './figures.js'
import { icon } from './page/icon.js'
import { type TableColumn, table } from './page/table.js'
import type { ModelResult } from './results/results.js'
import { limitTexts, STATE } from './statement.js'

type DemandResult = NonNullable<ModelResult['demands']>[number]
type DemandPart = NonNullable<DemandResult['parts']>[number]

/** One line of the table of demands: a demand, or the worst parts of one that is on every part. */
interface DemandLine {
  readonly about: string
  readonly verdict: DemandResult['verdict'] | 'unclear'
  readonly measured: string
  readonly interval: string
  readonly allowed: string
}

const WORD = { ...STATE, unclear: 'unclear' }

/** How many parts of a demand the table shows, the worst first; `results.json` has all. */
const MOST_PARTS = 10

/** The demands of a gate with more than one, for the page. */
export function demandTable(model: ModelResult): Markup | undefined {
  const rows = linesOf(model)
  if (rows.length === 0) return undefined
  const columns: TableColumn<DemandLine>[] = [
    { title: 'Demand', cell: ({ about }) => about, heading: true },
    { title: 'Measured', cell: ({ measured }) => measured },
    { title: '95 % interval', cell: ({ interval }) => interval },
    { title: 'Allowed', cell: ({ allowed }) => allowed },
    {
      title: 'Verdict',
      cell: ({ verdict }) =>
        verdict === 'unclear'
          ? html`<span class="chip">${WORD.unclear}</span>`
          : html`<span class="chip ${verdict}">${icon(verdict)}${WORD[verdict]}</span>`,
    },
  ]
  return html`<figure><h3>Demands</h3>${table({ label: 'Demands', columns, rows })}</figure>`
}

/** The same in markdown, '' where there is one demand only. */
export function demandMarkdown(model: ModelResult): string {
  const rows = linesOf(model)
  if (rows.length === 0) return ''
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => mdText(cell)).join(' | ')} |\n`
  const body = rows.map(({ about, measured, interval, allowed, verdict }) =>
    line([about, measured, interval, allowed, WORD[verdict]]),
  )
  return `${line(['Demand', 'Measured', '95 % interval', 'Allowed', 'Verdict'])}|${' --- |'.repeat(5)}\n${body.join('')}`
}

function linesOf({ demands = [] }: ModelResult): DemandLine[] {
  return demands.flatMap((demand) => [lineOf(demand), ...partLines(demand)])
}

function lineOf({ about, verdict, limits, drop, breaches, parts }: DemandResult): DemandLine {
  const [breach] = breaches
  const measured = drop ? `drop ${figure(drop.value, 3)}` : breach && !parts ? figure(breach.measured, 3) : ''
  const counts =
    parts &&
    (['fail', 'unclear', 'pass'] as const).map((kind) => [kind, parts.filter((one) => one.verdict === kind).length] as const)
  const summary = counts?.filter(([, count]) => count > 0).map(([kind, count]) => `${formatCount(count)} ${WORD[kind]}`)
  return {
    about,
    verdict,
    measured: summary ? `${plural(parts!.length, 'part')}: ${summary.join(', ')}` : measured,
    interval: drop ? intervalOf(drop.interval) : '',
    allowed: limitTexts({ limits, metric: about }).join('; '),
  }
}

/** The parts that are broken, and those that lost most. */
function partLines({ parts = [] }: DemandResult): DemandLine[] {
  const loss = ({ verdict, drop }: DemandPart) => (verdict === 'fail' ? 1e9 : 0) + (drop?.value ?? Number.NEGATIVE_INFINITY)
  const worst = [...parts].sort((a, b) => loss(b) - loss(a)).slice(0, MOST_PARTS)
  return worst.map(({ name, samples, drop, allowed, verdict }) => ({
    about: `· ${name} (${plural(samples, 'sample')})`,
    verdict,
    measured: drop ? `drop ${figure(drop.value, 3)}` : 'not judged',
    interval: drop ? intervalOf(drop.interval) : '',
    allowed: allowed === undefined ? '' : `drop\u00a0≤\u00a0${figure(allowed)}`,
  }))
}

function intervalOf([low, high]: readonly [number, number]): string {
  return `${rough(low)} to ${rough(high)}`
}

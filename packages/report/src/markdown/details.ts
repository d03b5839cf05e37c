import type { DocumentPart } from '../budget.js'
import { mdCode, mdText } from '../escape.js'
import { amount, atSizes, duration, formatCount, plural, share } from '../figures.js'
import { outputErrorRows } from '../output-error.js'
import type { ModelResult } from '../results/results.js'
import { latencyText } from '../statement.js'
import { looksOf, metricName } from '../training.js'
import { lineChart, removalChart, sparsityChart } from './mermaid.js'

/** Layers of one model in a table, and entries in its list of what was declined; the HTML report has all. */
const MOST_ROWS = 250

/** How much of each group or layer is gone, and how training went, as diagrams. */
export function chart(model: ModelResult): DocumentPart[] {
  const { path, groups = [], layers = [] } = model
  const charts: DocumentPart[] = []
  const add = (title: string, diagram: string) =>
    charts.push({ text: `\n${mdCode(path)}, ${title} in %:\n\n${diagram}\n`, rank: 8, what: 'chart' })
  if (groups.length > 0) add(`units removed of its ${plural(groups.length, 'group')}`, removalChart(groups))
  if (layers.length > 0) add(`sparsity of its ${plural(layers.length, 'layer')}`, sparsityChart(layers))
  return [...trainingCharts(model), ...charts]
}

/** Loss and metric over the steps of retraining. */
function trainingCharts({ path, trainings = [] }: ModelResult): DocumentPart[] {
  const looks = looksOf(trainings)
  if (looks.length < 2) return []
  const steps = looks.map(({ step }) => step)
  const heldOut = looks.map(({ heldOut }) => heldOut)
  const isHeld = heldOut.some((value) => value !== undefined)
  const lines = [looks.map(({ loss }) => loss), ...(isHeld ? [heldOut] : [])]
  const what = isHeld
    ? 'loss while it was retrained: on training samples (blue) and on held-out ones (orange)'
    : 'loss while it was retrained'
  const charts = [{ what, chart: lineChart(steps, { axis: 'loss', lines }) }]
  const metric = metricName(trainings)
  const metrics = looks.map((look) => look.metric)
  if (metric !== undefined)
    charts.push({
      what: `${metric} on held-out training samples`,
      chart: lineChart(steps, { axis: metric.replaceAll(/[^\w-]/g, ''), lines: [metrics] }),
    })
  return charts.map(({ what, chart }) => ({ text: `\n${mdCode(path)}, ${mdText(what)}:\n\n${chart}\n`, rank: 8, what: 'chart' }))
}

/** What was done, and to what, in tables that are folded. */
export function details(model: ModelResult): DocumentPart[] {
  const { groups = [], layers = [], declined = [], steps = [] } = model
  const lists: DocumentPart[] = []
  if (steps.length > 0) {
    const list = steps.map((step) => `1. ${mdText(step)}\n`).join('')
    lists.push({ text: folded(`What was done to ${mdCode(model.path)}`, list + costs(model)), rank: 9, what: 'list of steps' })
  }
  if (groups.length > 0) {
    const text = folded(`${plural(groups.length, 'group')} of ${mdCode(model.path)}`, groupTable(groups))
    lists.push({ text, rank: model.verdict === 'pass' ? 11 : 10, what: 'group table' })
  }
  if (layers.length > 0) {
    const text = folded(`${plural(layers.length, 'layer')} of ${mdCode(model.path)}`, layerTable(layers))
    lists.push({ text, rank: model.verdict === 'pass' ? 11 : 10, what: 'layer table' })
  }
  const errors = outputErrorRows(model, mdCode)
  if (errors !== undefined) {
    const text = folded(errors.title, errors.head + capped(errors.rows, errors.rows.length))
    lists.push({ text, rank: 11, what: 'table of sensitive weights' })
  }
  if (declined.length > 0) {
    const lines = declined.map(({ id, structure, reason }) => `- ${mdCode(id)} (${mdText(structure)}): ${mdText(reason)}\n`)
    const text = folded(`Declined in ${mdCode(model.path)}: ${declined.length}`, capped(lines, declined.length))
    lists.push({ text, rank: 12, what: 'list of what was declined' })
  }
  return lists
}

function costs(model: ModelResult): string {
  const { parameters, macs, latency, durationMs } = model
  const facts = [
    parameters &&
      `parameters ${amount(parameters.before)} → ${amount(parameters.after)}, ${amount(parameters.nonzero)} of them not zero`,
    macs && `multiply-accumulates ${amount(macs.before)} → ${amount(macs.after)}${mdText(atSizes(macs.sizes))}`,
    latency && `a run takes ${latencyText(model)}, batch ${latency.batch}, ${plural(latency.threads, 'thread')}`,
    durationMs !== undefined && `took ${duration(durationMs)}`,
  ].filter((fact) => fact)
  return facts.length > 0 ? `\n${facts.join('; ')}.\n` : ''
}

function groupTable(groups: NonNullable<ModelResult['groups']>): string {
  const rows = groups.map(({ id, structure, units, removed }, i) => {
    const counts = [units, units - removed].map(formatCount)
    return `| ${[i + 1, mdCode(id), mdText(structure), ...counts].join(' | ')} |\n`
  })
  return `| # | Group | Structure | Units before | after |\n| --: | --- | --- | --: | --: |\n${capped(rows, groups.length)}`
}

function layerTable(layers: NonNullable<ModelResult['layers']>): string {
  const rows = layers.map(({ name, op, shape, elements, sparsity }, i) => {
    const cells = [
      i + 1,
      mdCode(name),
      mdText(op),
      shape.join(' × '),
      formatCount(elements),
      share(sparsity.before),
      share(sparsity.after),
    ]
    return `| ${cells.join(' | ')} |\n`
  })
  const head =
    '| # | Weight | Operator | Shape | Elements | Sparsity before | after |\n| --: | --- | --- | --- | --: | --: | --: |\n'
  return head + capped(rows, layers.length)
}

function capped(lines: readonly string[], count: number): string {
  const rest = count > MOST_ROWS ? `\n… and ${formatCount(count - MOST_ROWS)} more in the HTML report.\n` : ''
  return lines.slice(0, MOST_ROWS).join('') + rest
}

function folded(title: string, body: string): string {
  return `\n<details><summary>${title}</summary>\n\n${body}\n</details>\n`
}

import { adviceMarkdown } from './advice/advice-list.js'
import { baselineMarkdown } from './baselines.js'
import { answersMarkdown } from './breakdown/markdown.js'
import { type DocumentPart, fit } from './budget.js'
import { demandMarkdown } from './demands.js'
import { isHarmlessAddress, mdCode, mdText } from './escape.js'
import { amount, atSizes, change, duration, figure, formatCount, plural, share, size } from './figures.js'
import { lineChart, removalChart, sparsityChart } from './mermaid.js'
import { outputErrorRows } from './output-error.js'
import { fromTo, proofText, prunedText, removalsOf, removalText } from './pruning.js'
import type { ModelResult, RunResults } from './results.js'
import { smallestMarkdown } from './smallest.js'
import {
  byUrgency,
  demands,
  dropText,
  explanation,
  headline,
  intervalText,
  latencyText,
  mcnemarText,
  URGENCY,
} from './statement.js'
import { boughtText, looksOf, metricName, trainingText } from './training.js'

const ICON = { pass: '✅', fail: '❌', incomplete: '⚠️' } as const
const STEP = 1024 * 1024

/** Layers of one model in a table, and entries in its list of what was declined; the HTML report has all. */
const MOST_ROWS = 250

/** Markdown for the job summary: verdict, then one row a model, then charts and tables per layer. What does not fit is left out, and said so. */
export function renderSummary(results: RunResults, { maxBytes = STEP }: { readonly maxBytes?: number } = {}): string {
  return fit(parts(results), maxBytes)
}

/**
 * Markdown for a comment on a pull request, which begins with the hidden `marker` it is found again by. GitHub's limit is 65,536
 * characters; bytes are counted, which are never fewer.
 */
export function renderComment(
  results: RunResults,
  { maxBytes = 65_536, marker }: { readonly maxBytes?: number; readonly marker: string },
): string {
  return fit([{ text: `${marker}\n`, rank: 0, what: 'marker' }, ...parts(results)], maxBytes)
}

/** The hidden first line of the comment with this id: one for each workflow and pull request, say. */
export function commentMarker(id: string): string {
  // Percent-encoding leaves the hyphen alone, and '-->' would end the HTML comment.
  return `<!-- pare-report: ${encodeURIComponent(id).replaceAll('-', '%2D')} -->`
}

function parts(results: RunResults): DocumentPart[] {
  const models = byUrgency(results.models)
  const title = `## ${ICON[results.verdict]} Pare: ${mdText(headline(results))}\n\n`
  return [
    { text: title, rank: 0, what: 'title' },
    ...changes(results),
    ...models.filter((model) => model.verdict !== 'pass').map((model) => reason(model)),
    ...(models.length > 0 ? [tableHead(), ...models.map((model) => row(model))] : []),
    ...models.flatMap((model) => findingPart(model)),
    ...models.flatMap((model) => advicePart(model)),
    ...models.flatMap((model) => demandPart(model)),
    ...models.flatMap((model) => smallestPart(model)),
    ...models.flatMap((model) => baselinePart(model)),
    ...models.flatMap((model) => remarks(model)),
    ...models.flatMap((model) => answersMarkdown(model).map((text) => ({ text, rank: 7, what: 'table of answers' }))),
    ...models.flatMap((model) => chart(model)),
    ...models.flatMap((model) => details(model)),
    ...environment(results),
  ]
}

/** What is demanded less than in the lock file, and what else changed of how models are judged. */
function changes({ against }: RunResults): DocumentPart[] {
  return (against?.changes ?? []).map(({ kind, text }) => ({
    text: `${kind === 'loosened' ? '🔓' : '🔀'} ${mdText(text)}\n\n`,
    rank: 1,
    what: 'change',
  }))
}

/** What a blocked reviewer needs: which model, which metric, how much, allowed how much, what to do. */
function reason(model: ModelResult): DocumentPart {
  const hint = model.error?.hint ? ` ${mdText(`Hint: ${model.error.hint}`)}` : ''
  const text = `${ICON[model.verdict]} **${mdCode(model.path)}**: ${mdText(explanation(model))}${hint}\n\n`
  return { text, rank: model.verdict === 'fail' ? 1 : 2, what: 'reason' }
}

function tableHead(): DocumentPart {
  const columns = ['', 'Model', 'Metric', 'Reference → pruned', 'Drop (95 % interval)', 'Allowed', 'Pruned', 'Size', 'Zipped']
  return { text: `| ${columns.join(' | ')} |\n|${' --- |'.repeat(columns.length)}\n`, rank: 3, what: 'table head' }
}

function row(model: ModelResult): DocumentPart {
  const { path, verdict, metric, reference, pruned } = model
  const before = metric === undefined ? undefined : reference.metrics[metric]
  const after = metric === undefined ? undefined : pruned?.metrics[metric]
  const cells = [
    ICON[verdict],
    mdCode(path),
    metric && mdText(metric),
    before === after ? valueText(after) : `${valueText(before)} → ${valueText(after)}`,
    model.drop && `**${dropText(model)}** (${intervalText(model)})`,
    mdText(demands(model).join('; ')),
    mdText(prunedText(model) ?? ''),
    pruned && sizes(reference.bytes, pruned.bytes),
    pruned && sizes(reference.zippedBytes, pruned.zippedBytes),
  ]
  return { text: `| ${cells.map((cell) => cell || '').join(' | ')} |\n`, rank: 3 + URGENCY.indexOf(verdict), what: 'model' }
}

function valueText(value: number | undefined): string {
  return value === undefined ? 'not measured' : figure(value)
}

function sizes(before: number | undefined, after: number | undefined): string {
  if (before === undefined || after === undefined) return ''
  return `${size(before)} → ${size(after)} (${change(before, after) ?? 'new'})`
}

/** What the metric hides: also where the gate passes. */
function findingPart({ path, findings = [] }: ModelResult): DocumentPart[] {
  return findings.map((text) => ({ text: `\n⚠️ ${mdCode(path)}: ${mdText(text)}\n`, rank: 2, what: 'finding' }))
}

function advicePart(model: ModelResult): DocumentPart[] {
  const text = adviceMarkdown(model)
  if (text === '') return []
  return [{ text: `\n**What to do now** about ${mdCode(model.path)}:\n\n${text}`, rank: 4, what: 'list of what to do' }]
}

/** The demands of a gate with several, one a line. */
function demandPart(model: ModelResult): DocumentPart[] {
  const text = demandMarkdown(model)
  return text === '' ? [] : [{ text: `\n${mdCode(model.path)}:\n\n${text}`, rank: 5, what: 'table of demands' }]
}

/** What a search for the smallest model tried. */
function smallestPart(model: ModelResult): DocumentPart[] {
  const text = smallestMarkdown(model)
  return text === '' ? [] : [{ text: `\n${mdCode(model.path)}: ${text}`, rank: 5, what: 'table of candidates' }]
}

/** What a user might take instead of the pruned model. */
function baselinePart(model: ModelResult): DocumentPart[] {
  const text = baselineMarkdown(model)
  return text === ''
    ? []
    : [
        {
          text: `\n${mdCode(model.path)} beside the unpruned model in fewer bits:\n\n${text}`,
          rank: 5,
          what: 'table of baselines',
        },
      ]
}

/** Whether the data can tell, McNemar's test, warnings. */
function remarks(model: ModelResult): DocumentPart[] {
  const sentences = [
    cutText(model),
    sentence(boughtText(model)),
    sentence(trainingText(model)),
    model.resolution?.message,
    mcnemarText(model),
    ...(model.warnings ?? []),
  ].filter((one) => one !== undefined)
  if (sentences.length === 0) return []
  return [{ text: `\n${mdCode(model.path)}: ${sentences.map((one) => mdText(one)).join(' ')}\n`, rank: 6, what: 'remark' }]
}

function sentence(text: string | undefined): string | undefined {
  return text && `${text}.`
}

/** What a cut took away, and its proof; of what only changed places the proof. */
function cutText(model: ModelResult): string | undefined {
  const { parameters, macs } = model
  const removals = removalsOf(model.groups)
  if (removals.length === 0) return model.proof && `${proofText(model)}.`
  const facts = [
    `removed ${removals.map(removalText).join(', ')}`,
    parameters && `parameters ${fromTo(parameters)}`,
    macs && `MACs ${fromTo(macs)}${atSizes(macs.sizes)}`,
    proofText(model),
  ].filter((fact) => fact)
  return `${facts.join('; ')}.`
}

function chart(model: ModelResult): DocumentPart[] {
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

function details(model: ModelResult): DocumentPart[] {
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

function environment({ environment, source, durationMs }: RunResults): DocumentPart[] {
  if (!environment) return []
  const { pare, node, platform, arch, cpu, onnxruntime, executionProvider } = environment
  const facts = [
    `pare ${pare}`,
    `Node ${node}`,
    onnxruntime && `ONNX Runtime ${onnxruntime}${executionProvider ? ` (${executionProvider})` : ''}`,
    `${platform} ${arch}, ${cpu}`,
    durationMs !== undefined && duration(durationMs),
  ].filter((fact) => fact)
  const text = [mdText(facts.join(' · ')), ...sourceFacts(source)].join(' · ')
  return [{ text: `\n<sub>${text}</sub>\n`, rank: 7, what: 'environment' }]
}

/** Commit and run as links, where the addresses are harmless: results may come from a stranger. */
function sourceFacts({ commit, repository, run, config }: NonNullable<RunResults['source']> = {}): string[] {
  const mdLink = (text: string, address: string | undefined) =>
    address !== undefined && isHarmlessAddress(address) ? `[${mdText(text)}](${address})` : mdText(text)
  return [
    ...(commit === undefined ? [] : [`commit ${mdLink(commit.slice(0, 12), repository && `${repository}/commit/${commit}`)}`]),
    ...(run === undefined ? [] : [mdLink('run of the workflow', run)]),
    ...(config === undefined ? [] : [`config ${mdCode(config)}`]),
  ]
}

import { adviceMarkdown } from '../advice/advice-list.js'
import { baselineMarkdown } from '../baselines.js'
import { answersMarkdown } from '../breakdown/markdown.js'
import { type DocumentPart, fit } from '../budget.js'
import { demandMarkdown } from '../demands.js'
import { isHarmlessAddress, mdCode, mdText } from '../escape.js'
import { atSizes, change, duration, figure, size } from '../figures.js'
import { fromTo, proofText, prunedText, removalsOf, removalText } from '../pruning.js'
import type { ModelResult, RunResults } from '../results/results.js'
import { smallestMarkdown } from '../smallest.js'
import { byUrgency, demands, dropText, explanation, headline, intervalText, mcnemarText, URGENCY } from '../statement.js'
import { boughtText, trainingText } from '../training.js'
import { chart, details } from './details.js'

const ICON = { pass: '✅', fail: '❌', incomplete: '⚠️' } as const
const STEP = 1024 * 1024

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

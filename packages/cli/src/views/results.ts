import { atSizes, figure, formatBytes, plural, share } from '@pare/gate'
import { adviceLines, baselineSentence, changedClasses, classChangeText, dropText, judged, type RunResults } from '@pare/report'
import { createColors } from 'picocolors'
import { showPath } from '../files/paths.js'
import { changed, removedShare, removedUnits } from '../pipeline/facts/removed-units.js'
import { describeProof } from '../proof/prove.js'
import type { Context } from '../terminal/context.js'
import { wantsColor } from '../terminal/io.js'
import { columnsOf, renderTable } from '../terminal/table.js'
import { plainSpaces, smallestLines } from './smallest.js'

type ModelResult = RunResults['models'][number]
type Colors = ReturnType<typeof createColors>

const HEAD = ['model', 'metric', 'reference', 'pruned', 'drop', 'removed', 'size', 'verdict']

/** A run as the terminal shows it: a table, a sentence for each model, and where the files are. */
export function renderResults(
  results: RunResults,
  files: Readonly<Partial<Record<'results' | 'report' | 'summary', string>>> | undefined,
  { io }: Context,
): string {
  const colors = createColors(wantsColor(io.stdout, io.env))
  const columns = columnsOf(io.stdout)
  const sentences = results.models.flatMap((model) => sentencesOf(model, { colors, columns }))
  const shown = (path: string) => showPath(path, io.cwd)
  return [
    renderTable(
      HEAD,
      results.models.map((model) => rowOf(model, colors)),
      // The sentences below say the whole path.
      { columns, shorten: ['model'] },
    ),
    '',
    ...sentences,
    ...(results.against?.changes ?? []).map(({ kind, text }) => (kind === 'loosened' ? colors.yellow(text) : text)),
    '',
    `${colored(results.verdict, colors)} ${headline(results)}`,
    ...(['report', 'results'] as const).flatMap((what) => {
      const file = files?.[what]
      return file === undefined ? [] : [`  ${what.padEnd(7)}  ${shown(file)}`]
    }),
    ...results.models.flatMap(({ pruned, carried, of }) =>
      pruned === undefined || carried || of !== undefined ? [] : [`  pruned   ${pruned.path}`],
    ),
  ].join('\n')
}

function rowOf(model: ModelResult, colors: Colors): string[] {
  const { path, metric, reference, pruned, verdict } = model
  const value = (metrics: Readonly<Record<string, number>> | undefined) => {
    const score = metric === undefined ? undefined : metrics?.[metric]
    return score === undefined ? '–' : figure(score)
  }
  return [
    path,
    metric ?? '–',
    value(reference.metrics),
    value(pruned?.metrics),
    plainSpaces(dropText(model) ?? '–'),
    removedText(model),
    pruned === undefined ? formatBytes(reference.bytes) : sizes(reference, pruned),
    colored(verdict, colors),
  ]
}

/** '50.0 % zeros', '25.0 % channel'. */
function removedText({ groups = [], sparsity }: ModelResult): string {
  const zeros = sparsity === undefined ? [] : [`${share(sparsity.after)} zeros`]
  return [...removedShare(groups), ...zeros].join(', ') || '–'
}

/** Masked models have the size they had: what shrinks is the zipped file. */
function sizes(reference: ModelResult['reference'], pruned: NonNullable<ModelResult['pruned']>): string {
  if (reference.zippedBytes !== undefined && pruned.zippedBytes !== undefined)
    return `${formatBytes(reference.zippedBytes)} → ${formatBytes(pruned.zippedBytes)} zipped`
  return reference.bytes === pruned.bytes
    ? formatBytes(pruned.bytes)
    : `${formatBytes(reference.bytes)} → ${formatBytes(pruned.bytes)}`
}

function sentencesOf(model: ModelResult, { colors, columns }: { readonly colors: Colors; readonly columns: number }): string[] {
  const { path, verdict, summary, reasons, resolution, warnings = [], error } = model
  const sentences = reasons.length > 0 ? reasons : summary === undefined ? [] : [summary]
  const hint = error?.hint === undefined ? [] : [`  hint: ${error.hint}`]
  const size = resolution === undefined ? [] : [`  ${resolution.message}`]
  return [
    `${colored(verdict, colors)} ${path}: ${sentences.join(' ')}`,
    ...hint,
    ...size,
    ...cutLines(model),
    ...proofLines(model),
    ...warnings.map((warning) => `  ${warning}`),
    ...answerLines(model, colors),
    ...smallestLines(model, columns),
    ...baselineLines(model),
    ...adviceText(model, colors),
  ]
}

/** Classes that the terminal shows. */
const MOST_CLASSES = 5

/** What changed behind the metric: sentences, then the classes and slices that lost most. */
function answerLines({ classes, changed: samples, findings = [], slices = [] }: ModelResult, colors: Colors): string[] {
  const changedOnes = changedClasses(classes)
  const shown = changedOnes.slice(0, MOST_CLASSES).map(classChangeText)
  const more = changedOnes.length - shown.length
  const value = (number: number | undefined) => (number === undefined ? '–' : figure(number))
  return [
    ...findings.map((finding) => `  ${colors.yellow(finding)}`),
    ...(shown.length > 0 ? [`  by class ${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`] : []),
    ...slices.map(
      ({ by, name, samples: count, before, after }) => `  where ${by} = ${name} (${count}): ${value(before)} → ${value(after)}`,
    ),
    ...(samples !== undefined && samples.samples.length > 0
      ? [`  ${plural(samples.lost, 'sample')} lost, ${samples.gained} gained, named in results and report`]
      : []),
  ]
}

/** What a user might take instead of the pruned model, with its figures. */
function baselineLines(model: ModelResult): string[] {
  const { baselines = [], metric = '' } = model
  const sentence = baselineSentence(model)
  return [
    ...baselines.map(({ method, metrics, zippedBytes, drop, latency }) => {
      const value = metrics[metric]
      const lost = drop === undefined ? '' : ` (drop ${figure(drop.interval[0], 2)} to ${figure(drop.interval[1], 2)})`
      const time = latency === undefined ? '' : `, ${figure(latency.relative, 3)} of the time of a run`
      return `  unpruned in ${method}: ${metric} ${value === undefined ? 'not measured' : figure(value)}${lost}, ${formatBytes(zippedBytes)} zipped${time}`
    }),
    ...(sentence === undefined ? [] : [`  ${sentence}`]),
  ]
}

function adviceText(model: ModelResult, colors: Colors): string[] {
  const lines = adviceLines(model)
  return lines.length === 0 ? [] : [`  ${colors.bold('what to do now')}`, ...lines.map((line) => `  ${line}`)]
}

/** What a cut took away. */
function cutLines({ groups = [], parameters, macs }: ModelResult): string[] {
  if (groups.length === 0) return []
  return [
    `  removed ${removedUnits(groups)}`,
    ...(parameters === undefined ? [] : [`  parameters ${changed(parameters)}`]),
    ...(macs === undefined || macs === null ? [] : [`  MACs ${changed(macs)}${atSizes(macs.sizes)}`]),
  ]
}

function proofLines({ proof }: ModelResult): string[] {
  if (proof === undefined) return []
  if (proof.proved) return [`  ${describeProof(proof)}`]
  return [`  what was ${proof.step === 'permute' ? 'permuted' : 'cut'} is not proved: that was not wanted`]
}

function headline({ models }: RunResults): string {
  const count = (verdict: ModelResult['verdict']) => models.filter((model) => model.verdict === verdict).length
  const parts = [`${count('pass')} of ${plural(models.length, judged(models))} passed`]
  if (count('fail') > 0) parts.push(`${count('fail')} failed`)
  if (count('incomplete') > 0) parts.push(`${count('incomplete')} incomplete`)
  return parts.join(', ')
}

function colored(verdict: ModelResult['verdict'], colors: Colors): string {
  switch (verdict) {
    case 'pass':
      return colors.green('pass')
    case 'fail':
      return colors.red('fail')
    case 'incomplete':
      return colors.yellow('incomplete')
    default:
      return verdict satisfies never
  }
}

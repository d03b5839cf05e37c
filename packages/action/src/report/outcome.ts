import { posix } from 'node:path'
import { figure, type ModelResult, type RunResults } from '@pare/report'
import type { ShardDone } from '../engine/engine.js'
import { type ActionFailure, exitCodes, type FilePlace } from '../failure.js'
import type { FailOn } from '../inputs.js'

/** How a run ended: with results (whatever the verdict), or without. */
export type ActionOutcome =
  | { readonly kind: 'results'; readonly results: RunResults; readonly exitCode: number; readonly folder: string }
  /** A shard has no verdict: it left something in the folder. */
  | { readonly kind: 'shard'; readonly shard: ShardDone; readonly place: ShardPlace; readonly folder: string }
  /** The shards that have something to do. */
  | { readonly kind: 'plan'; readonly used: readonly number[]; readonly shards: number }
  | { readonly kind: 'failure'; readonly failure: ActionFailure }

/** Which of how many, from 1 on. */
interface ShardPlace {
  readonly index: number
  readonly count: number
}

export interface Annotation {
  readonly level: 'error' | 'warning'
  readonly title: string
  readonly message: string
  /** Where it is shown, relative to the root of the repository. Default: at no file */
  readonly at?: FilePlace
}

/** Of each level: more would hide what matters, and GitHub shows 10. */
const ANNOTATIONS_SHOWN = 5

/** The exit code of the command line's table for this outcome. */
export function exitCodeOf(outcome: ActionOutcome): number {
  switch (outcome.kind) {
    case 'results':
      return outcome.exitCode
    case 'failure':
      return exitCodes[outcome.failure.kind]
    case 'shard':
    case 'plan':
      // What failed in a shard is told, and judged, by the merge.
      return exitCodes.pass
    default:
      return outcome satisfies never
  }
}

/** The exit code of the step. Cancelling is never turned into success. */
export function stepExitCode(exitCode: number, failOn: FailOn): number {
  if (exitCode === exitCodes.interrupted) return exitCode
  switch (failOn) {
    case 'regression':
      return exitCode
    case 'error':
      return exitCode === exitCodes.fail ? 0 : exitCode
    case 'never':
      return 0
    default:
      return failOn satisfies never
  }
}

/** The output `conclusion`: pass, fail, incomplete, error or cancelled. */
export function conclusionOf(outcome: ActionOutcome): string {
  if (outcome.kind === 'failure') return outcome.failure.kind === 'interrupted' ? 'cancelled' : 'error'
  if (outcome.kind !== 'results') return outcome.kind
  return outcome.exitCode === exitCodes.interrupted ? 'cancelled' : outcome.results.verdict
}

/** Numbers of the headline model by output name. What was not measured is left out. */
export function measuredOutputs(results: RunResults): Readonly<Record<string, string>> {
  const model = headline(results)
  if (model === undefined) return {}
  const { metric, reference, pruned } = model
  const values: Readonly<Record<string, number | undefined>> = {
    'metric-reference': metric === undefined ? undefined : reference.metrics[metric],
    'metric-pruned': metric === undefined ? undefined : pruned?.metrics[metric],
    'metric-drop': model.drop?.value,
    sparsity: model.sparsity?.after,
    'size-ratio': pruned === undefined || reference.bytes === 0 ? undefined : pruned.bytes / reference.bytes,
  }
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  )
}

/** The model that decides: the worst verdict, then the largest drop, then the first. */
export function headline(results: RunResults): ModelResult | undefined {
  const severity = { fail: 2, incomplete: 1, pass: 0 } as const
  const worse = (left: ModelResult, right: ModelResult) =>
    severity[right.verdict] - severity[left.verdict] || (right.drop?.value ?? 0) - (left.drop?.value ?? 0)
  return [...results.models].sort(worse)[0]
}

/** One line a model for the log: 'a.onnx: pass, accuracy 0.98 → 0.97'. */
export function verdictLines({ models }: RunResults): readonly string[] {
  return models.map(({ path, verdict, metric, reference, pruned }) => {
    const before = metric === undefined ? undefined : reference.metrics[metric]
    const after = metric === undefined ? undefined : pruned?.metrics[metric]
    return `${path}: ${verdict}${before === undefined || after === undefined ? '' : `, ${metric} ${figure(before)} → ${figure(after)}`}`
  })
}

/**
 * One error for each model that did not pass, one warning for each thing worth knowing, at the line of the config that names the model; at most five of each, the last of which
 * counts the rest. `root`: where paths of results start, relative to the root of the repository.
 */
export function annotationsOf(results: RunResults, root = ''): readonly Annotation[] {
  const errors: Annotation[] = results.models
    .filter((model) => model.verdict !== 'pass')
    .map((model) => ({
      ...{ level: 'error', title: `Pare: ${model.path} ${verdictWord[model.verdict]}`, message: whyOf(model) },
      ...shownAt(model.named, root),
    }))
  const warnings: Annotation[] = results.models.flatMap((model) =>
    warningsOf(model).map((message) => ({
      ...{ level: 'warning' as const, title: `Pare: ${model.path}`, message },
      ...shownAt(model.named, root),
    })),
  )
  return [...limited(errors, 'error'), ...limited(warnings, 'warning')]
}

/** One error for each thing that is wrong in a config, at its line; else one for the whole failure. */
export function failureAnnotations({ message, hint, problems }: ActionFailure, root = ''): readonly Annotation[] {
  const withHint = (text: string, cure: string | undefined) => (cure === undefined ? text : `${text}\n  hint: ${cure}`)
  if (!problems.some(({ at }) => at !== undefined)) return [{ level: 'error', title: 'Pare', message: withHint(message, hint) }]
  const errors = problems.map(
    (problem): Annotation => ({
      ...{ level: 'error', title: 'Pare: the config' },
      message: withHint(`${problem.place === '' ? '' : `${problem.place}: `}${problem.message}`, problem.hint),
      ...shownAt(problem.at, root),
    }),
  )
  return limited(errors, 'error', 'in the job summary and in the log')
}

/** Outside of the repository GitHub shows nothing. */
function shownAt(at: FilePlace | undefined, root: string): Pick<Annotation, 'at'> {
  if (at === undefined) return {}
  const file = posix.normalize(posix.join(posix.isAbsolute(at.file) ? '' : root, at.file))
  return file.startsWith('..') || posix.isAbsolute(file) || /^[a-z]:/i.test(file) ? {} : { at: { ...at, file } }
}

const verdictWord = { pass: 'passes', fail: 'fails the gate', incomplete: 'is incomplete' } as const

function whyOf(model: ModelResult): string {
  const error =
    model.error === undefined
      ? []
      : [model.error.message, ...(model.error.hint === undefined ? [] : [`hint: ${model.error.hint}`])]
  return (
    [...new Set([...model.reasons, ...error])].map((line) => line.replaceAll('\n', ' ')).join('\n  ') ||
    `the verdict is ${model.verdict}, without a reason`
  )
}

function warningsOf(model: ModelResult): readonly string[] {
  const resolution = model.resolution !== undefined && !model.resolution.resolves ? [model.resolution.message] : []
  return [...resolution, ...(model.warnings ?? [])]
}

function limited(
  annotations: readonly Annotation[],
  level: Annotation['level'],
  where = 'in the job summary and in results.json',
): readonly Annotation[] {
  if (annotations.length <= ANNOTATIONS_SHOWN) return annotations
  const rest = annotations.length - ANNOTATIONS_SHOWN + 1
  const last: Annotation = { level, title: 'Pare', message: `${rest} more are ${where}` }
  return [...annotations.slice(0, ANNOTATIONS_SHOWN - 1), last]
}

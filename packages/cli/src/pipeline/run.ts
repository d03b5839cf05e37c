import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Scores } from '@pare/evaluate'
import type { BaseModel } from '@pare/gate'
import { makeTemporaryFolder, present, writeWhole } from '@pare/onnx'
import type { RunResults } from '@pare/report'
import type { Engine, Work } from '../engine/work.js'
import { assignOutputs, companionsOf, masksPath, trialsFolder } from '../files/output.js'
import { showPath } from '../files/paths.js'
import { Publication } from '../files/publication.js'
import { FolderCopy, refuseForeign } from '../folder/folder-copy.js'
import { Ledger, type LockOptions } from '../lockfile/ledger.js'
import type { Config, Overrides } from '../options/config.js'
import { firstMetric } from '../settings/demands.js'
import type { EvaluationSettings } from '../settings/evaluation.js'
import { readTasks, type Task } from '../settings/tasks.js'
import { chosenTask, findSmallest } from '../smallest/find-smallest.js'
import { toJson } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { reportOf } from '../terminal/failure.js'
import { type Progress, silence } from '../terminal/progress.js'
import { briefLatency, chosenBaselines, measureBaselines } from './baselines.js'
import { cardOf } from './course.js'
import { environmentOf } from './environment.js'
import { lookFirst } from './first-look.js'
import { judgeModel, measure, type ReferenceScores } from './measure.js'
import { type OutputPlace, pruneModel } from './model.js'
import type { PairScores } from './pair-scores.js'
import { repeatedSamples } from './repeated-samples.js'
import { type ModelOutcome, measuredOf, mixedUp, resultOf } from './result.js'
import { type SourceVariables, sourceOf } from './source.js'
import { zippedSize } from './zipped.js'

export interface RunOptions {
  /** A config file, or the config itself. Default: the nearest `pare.config.*` upwards from `cwd`; none is needed where `overrides` name a model. */
  readonly config?: string | Config
  /** Win over the config. */
  readonly overrides?: Overrides
  /** Where paths start. Default: the process's. */
  readonly cwd?: string
  /** Default: './pare-out'. */
  readonly outDir?: string
  /** Whether code of the checkout may be run: configs in TypeScript and JavaScript, third-party plugins, data modules. Default: true. */
  readonly trusted?: boolean
  /** The checkout: where it is not trusted, files that it names must lie in it, behind all links. Default: `cwd` */
  readonly workspace?: string
  /** Options and config win over where it computes. */
  readonly engine?: Engine
  readonly progress?: Progress
  readonly signal?: AbortSignal
  /** The environment, for what a workflow says of commit and run. Default: nothing */
  readonly env?: SourceVariables
  /** Whether the unpruned model in fewer bits is measured unasked, where that is cheap. Default: only where it is asked for */
  readonly usualBaselines?: boolean
  /** What is done with lock files. Default: nothing */
  readonly lock?: LockOptions
  /** Called with each model's result as soon as it is known. */
  readonly onResult?: (result: RunResults['models'][number]) => void
  /** Called with what stopped a model, stack and all; the result has its message. */
  readonly onError?: (model: string, error: unknown) => void
}

export interface RunOutcome {
  /** What `results.json` holds. */
  readonly results: RunResults
  /** 0 pass, 1 fail, 3 incomplete, 4 something untrusted was refused. */
  readonly exitCode: number
  /** Absolute paths. */
  readonly files: { readonly results: string; readonly report: string; readonly summary: string }
}

/**
 * All models of a config: prune, measure, gate, report. What is in the folder is replaced once all is known, together: until then, and when
 * it is stopped, the results of an earlier run stay as they are. Throws one error for a wrong config, and where another run is writing to
 * the same folder; the signal's reason when aborted.
 */
export async function run(options: RunOptions = {}): Promise<RunOutcome> {
  const { cwd = process.cwd(), overrides = {}, trusted = true, progress = silence, onResult, onError } = options
  const { signal = new AbortController().signal, config, workspace = cwd } = options
  const start = Date.now()
  const { tasks, engine: choice, config: file } = await readTasks({ cwd, overrides, trusted, config, workspace })
  if (file !== undefined)
    progress.note(`config: ${showPath(file, cwd)}${overrides.models === undefined ? '' : ', for the models that are named'}`)
  const engine = { ...options.engine, ...choice }
  const repeated = await repeatedSamples(await lookFirst(tasks, { signal, progress, engine, cwd }))
  for (const [{ name }, sentences] of repeated) for (const sentence of sentences) progress.note(`warning: ${name}: ${sentence}`)
  const folder = resolve(cwd, options.outDir ?? 'pare-out')
  const outputs = await assignOutputs(tasks, folder)
  for (const copy of new Set(outputs.flatMap(({ copy }) => copy ?? []))) await refuseForeign(copy)
  const copies = new Map(outputs.flatMap(({ copy }) => (copy === undefined ? [] : [[copy, new FolderCopy(copy)] as const])))
  for (const { folder } of copies.keys()) progress.note(`model: ${folder.choice}`)
  await using publication = await Publication.open(folder, { owned: outputs.flatMap(companionsOf), exclusive: true })
  await publication.protect(tasks.map(({ path }) => path))
  const ledger = await Ledger.open({ isWhole: overrides.models === undefined, ...options.lock }, { cwd, engine })
  const references: ReferenceScores = new Map()
  const same = { signal, progress, engine, cwd, workspace: trusted ? undefined : workspace }
  const runs: ModelRun[] = []
  for (const [index, task] of tasks.entries()) {
    const output = outputs[index]!
    const masks = task.masks && { path: masksPath(output.plan, task.masks), publication }
    const carried = await ledger.begin(task)
    const base = ledger.baseOf(task)
    const copy = output.copy && copies.get(output.copy)
    const { usualBaselines = false } = options
    const place = {
      output,
      publication,
      references,
      onError,
      copy,
      usualBaselines,
      ...present({ masks, base, repeated: repeated.get(task) }),
    }
    const outcome = carried === undefined ? await runModel(task, place, { ...same, label: task.name }) : { result: carried }
    runs.push(outcome)
    ledger.end(task, outcome.result)
    onResult?.(outcome.result)
  }
  const results: RunResults = {
    schemaVersion: 1,
    command: 'run',
    verdict: worst(runs),
    models: runs.map(({ result }) => result),
    ...present({ against: ledger.against() }),
    ...present({ source: sourceOf(options.env ?? {}, { config: file, cwd }) }),
    environment: environmentOf(runs.find((each) => each.onnxruntime !== undefined)?.onnxruntime, engine),
    durationMs: Date.now() - start,
  }
  const files = await writeReports(results, publication)
  signal.throwIfAborted()
  await publication.publish()
  await ledger.write()
  return { results, exitCode: exitCodeOf(results), files }
}

interface ModelRun {
  readonly result: RunResults['models'][number]
  /** Version of what ran the model, where it got so far. */
  readonly onnxruntime?: string
}

interface RunPlace extends OutputPlace {
  /** Collects. */
  readonly references: ReferenceScores
  readonly onError: RunOptions['onError']
  readonly usualBaselines: boolean
  /** What other data hold of the evaluation data. */
  readonly repeated?: readonly string[]
  /** The model as it came out on the base branch, where that is known. */
  readonly base?: BaseModel
}

/** One model of a run. A failure is this model's and told in its result; only an abort is thrown. */
async function runModel(task: Task, place: RunPlace, work: Work): Promise<ModelRun> {
  const start = Date.now()
  const outcome: ModelOutcome = present({ repeated: place.repeated })
  try {
    const chosen = await chooseSmallest(task, place, { work, outcome })
    if (chosen !== undefined) await examine(chosen, place, { work, outcome })
  } catch (error) {
    work.signal.throwIfAborted()
    const report = reportOf(error)
    outcome.error = { ...report, message: place.publication.named(report.message) }
    place.onError?.(task.name, error)
  }
  const result = { ...(await resultOf(outcome.chosen ?? task, outcome, work.cwd)), durationMs: Date.now() - start }
  return outcome.comparison === undefined ? { result } : { result, onnxruntime: outcome.comparison.pruned.onnxruntime }
}

/** The task as it is, or with what a search for the smallest model chose; undefined where nothing passes. */
async function chooseSmallest(
  task: Task,
  { output }: RunPlace,
  { work, outcome }: { readonly work: Work; readonly outcome: ModelOutcome },
): Promise<Task | undefined> {
  const { smallest } = task
  if (smallest === undefined) return task
  outcome.smallest = await findSmallest({ task, smallest, folder: trialsFolder(output) }, work)
  const { chosen } = outcome.smallest
  if (chosen === undefined) return undefined
  outcome.chosen = await chosenTask(task, smallest, chosen)
  return outcome.chosen
}

/** Prunes, measures both models, judges. What comes out is kept in `outcome`, however far it gets. */
async function examine(
  task: Task,
  { references, base, usualBaselines, ...place }: RunPlace,
  { work, outcome }: { readonly work: Work; readonly outcome: ModelOutcome },
): Promise<void> {
  const start = performance.now()
  const { path, evaluation } = task
  await using folder = await temporaryFolder()
  const unrecovered = join(folder.path, 'unrecovered.onnx')
  const pruned = await pruneModel(task, { ...place, ...(evaluation && { unrecovered }) }, work)
  outcome.pruned = pruned
  const zipping = Promise.all([path, pruned.staged].map((file) => zippedSize(file, work.signal)))
  // It goes on while the models are measured, and may fail before somebody waits for it.
  zipping.catch(() => undefined)
  outcome.calibratedOn = task.calibration?.statistics?.data.sha256
  if (evaluation !== undefined) {
    if (pruned.unrecovered) outcome.unrecovered = await metricBefore(unrecovered, evaluation, work)
    const onComparison = (comparison: PairScores, dataHash: string) => {
      Object.assign(outcome, { comparison, dataHash })
      for (const warning of mixedUp(outcome)) work.progress.note(`warning: ${work.label}: ${warning}`)
    }
    Object.assign(
      outcome,
      await judgeModel({ ...task, evaluation }, pruned, { references, onComparison, work, ...present({ base }) }),
    )
    const metric = firstMetric(evaluation, task.demands)
    const { reference } = outcome.comparison!
    const { durationMs, reference: both } = outcome.comparison!.pruned
    const evaluationMs = both === undefined ? durationMs : durationMs / 2
    const spentMs = performance.now() - start
    const baselines = chosenBaselines(task.baselines, { isUsual: usualBaselines, spentMs, evaluationMs })
    outcome.baselines = await measureBaselines(task, { baselines, evaluation, metric, reference }, { folder: folder.path, work })
    // In a table beside others, and no limit is on it.
    if (baselines.length > 0) outcome.latency ??= await briefLatency(path, pruned.staged, work)
  }
  if (place.copy !== undefined) {
    place.copy.describe(...cardOf(task, pruned, measuredOf(outcome)))
    if (place.copy.isComplete) outcome.copied = await place.copy.stage(place.publication)
  }
  const [reference, candidate] = await zipping
  outcome.zipped = { reference: reference!, pruned: candidate! }
}

/** What the gate's metric was before the model was recovered: what recovery bought. */
async function metricBefore(model: string, { request, limits }: EvaluationSettings, work: Work): Promise<Scores> {
  const metrics = request.metrics.slice(0, 1)
  return await measure({ ...request, metrics, model }, limits, { ...work, label: `${work.label}, before recovery` })
}

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = makeTemporaryFolder('run')
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

function worst(runs: readonly ModelRun[]): RunResults['verdict'] {
  const verdicts = new Set(runs.map(({ result }) => result.verdict))
  if (verdicts.has('fail')) return 'fail'
  return verdicts.has('incomplete') || runs.length === 0 ? 'incomplete' : 'pass'
}

function exitCodeOf({ verdict, models }: RunResults): number {
  if (models.some(({ error }) => error?.kind === 'untrusted')) return EXIT.untrusted
  switch (verdict) {
    case 'pass':
      return EXIT.pass
    case 'fail':
      return EXIT.fail
    case 'incomplete':
      return EXIT.infrastructure
    default:
      return verdict satisfies never
  }
}

async function writeReports(results: RunResults, publication: Publication): Promise<RunOutcome['files']> {
  const { renderHtml, renderSummary } = await import('@pare/report')
  const files = {
    results: join(publication.folder, 'results.json'),
    report: join(publication.folder, 'report.html'),
    summary: join(publication.folder, 'summary.md'),
  }
  await writeWhole(await publication.staged(files.results), `${toJson(results)}\n`)
  await writeWhole(await publication.staged(files.report), renderHtml(results))
  await writeWhole(await publication.staged(files.summary), renderSummary(results))
  return files
}

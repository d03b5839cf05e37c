import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Scores } from '@pare/evaluate'
import type { BaseModel } from '@pare/gate'
import { makeTemporaryFolder, present, writeModel } from '@pare/onnx'
import type { RunResults } from '@pare/report'
import type { Work } from '../engine/work.js'
import { trialsFolder } from '../files/output.js'
import { keepSamples, type LockedSamples } from '../lockfile/locked-samples.js'
import { firstMetric } from '../settings/data/demands.js'
import type { EvaluationSettings } from '../settings/data/evaluation.js'
import { requestOf } from '../settings/data/partner.js'
import type { Task } from '../settings/task.js'
import { chosenTask, findSmallest } from '../smallest/find-smallest.js'
import { reportOf } from '../terminal/failure.js'
import { briefLatency, chosenBaselines, measureBaselines, type StageScores, withDrops } from './facts/baselines.js'
import { cardOf } from './facts/course.js'
import type { PairScores } from './facts/pair-scores.js'
import { type ModelOutcome, measuredOf, mixedUp, resultOf, type StageCost } from './facts/result.js'
import { zippedSize, zippedSizes } from './facts/zipped.js'
import { judgeModel, measure, type ReferenceScores, type Sharing } from './measure.js'
import { type OutputPlace, type PrunedModel, pruneModel } from './model.js'
import { isFurther, type PrunedModels, withoutPruning } from './pruned-models.js'
import { modelFilesOf } from './result-files.js'
import type { Staging } from './stage.js'

/** A model of a run, once it has ended. */
export interface ModelRun {
  readonly result: RunResults['models'][number]
  /** Version of what ran the model, where it got so far. */
  readonly onnxruntime?: string
  /** What it took, in seconds. */
  readonly cost?: StageCost
  /** What the pruned model made of each sample, by metric, where a regression is limited. */
  readonly samples?: Readonly<Record<string, LockedSamples>>
}

/** Where what comes out of a model goes, and what is known besides. */
export interface RunPlace extends OutputPlace {
  /** Collects. */
  readonly references: ReferenceScores
  /** Collects. */
  readonly made: PrunedModels
  /** Called with what stopped a model, stack and all. */
  readonly onError: ((model: string, error: unknown) => void) | undefined
  readonly usualBaselines: boolean
  /** What other data hold of the evaluation data. */
  readonly repeated?: readonly string[]
  /** The model as it came out on the base branch, where that is known. */
  readonly base?: BaseModel
  /** Whose evaluation is recorded. Default: nobody's */
  readonly sharing?: Sharing
}

/** One model of a run. */
export async function runModel(task: Task, place: RunPlace, work: Work): Promise<ModelRun> {
  const start = Date.now()
  const outcome: ModelOutcome = present({ repeated: place.repeated })
  await attempt({ place, work, outcome }, async () => {
    const own = place.made.asPruned(task, outcome)
    const chosen = await chooseSmallest(own, place, { work, outcome })
    if (chosen !== undefined) await examine(chosen, place, { work, outcome })
  })
  place.made.keep(task, outcome)
  return await endModel(task, { outcome, durationMs: Date.now() - start }, work)
}

/** What a run says of a model, from its outcome. */
export async function endModel(
  task: Task,
  { outcome, durationMs }: { readonly outcome: ModelOutcome; readonly durationMs: number },
  { cwd }: Pick<Work, 'cwd'>,
): Promise<ModelRun> {
  const result = { ...(await resultOf(outcome.chosen ?? task, outcome, cwd)), durationMs }
  const { cost, comparison } = outcome
  const samples = comparison && keepSamples(comparison.pruned.measurements, task.demands)
  return { result, ...present({ cost, samples, onnxruntime: comparison?.pruned.onnxruntime }) }
}

/** Does something for one model. A failure is this model's, and kept in its outcome; only an abort is thrown. */
export async function attempt(
  {
    place,
    work,
    outcome,
  }: { readonly place: Pick<RunPlace, 'publication' | 'onError'>; readonly work: Work; readonly outcome: ModelOutcome },
  act: () => Promise<void>,
): Promise<void> {
  try {
    await act()
  } catch (error) {
    work.signal.throwIfAborted()
    const report = reportOf(error)
    outcome.error = { ...report, message: place.publication.named(report.message) }
    place.onError?.(work.label, error)
  }
}

/** The task as it is, or with what a search for the smallest model chose; undefined where nothing passes. */
export async function chooseSmallest(
  task: Task,
  { output }: Pick<RunPlace, 'output'>,
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
export async function examine(
  task: Task,
  { references, made, base, usualBaselines, sharing, ...place }: RunPlace,
  { work, outcome }: { readonly work: Work; readonly outcome: ModelOutcome },
): Promise<void> {
  const start = performance.now()
  const { path, evaluation } = task
  await using folder = await temporaryFolder()
  const unrecovered = join(folder.path, 'unrecovered.onnx')
  const stages: StageScores[] = []
  const onStage = evaluation && measureStages(evaluation, { folder: folder.path, work, onMeasured: (one) => stages.push(one) })
  const before = isFurther(task) ? made.modelOf(task) : undefined
  const pruned =
    before === undefined
      ? await pruneModel(task, { ...place, ...(evaluation && { unrecovered }), ...present({ onStage }) }, work)
      : withoutPruning(before.pruned)
  outcome.pruned = pruned
  made.keepEncoder(task, pruned.staged)
  const prunedMs = performance.now() - start
  const zipping = before?.zipped === undefined ? zippedPair(task, pruned, work) : Promise.resolve(before.zipped)
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
      await judgeModel({ ...task, evaluation }, pruned, { references, onComparison, work, ...present({ base, sharing }) }),
    )
    outcome.cost = { prune: prunedMs / 1000, measure: (performance.now() - start - prunedMs) / 1000 }
    const metric = firstMetric(evaluation, task.demands)
    const { reference } = outcome.comparison!
    const unpruned = { evaluation, metric, reference }
    outcome.stages = await withDrops(stages, unpruned)
    const { durationMs, reference: both } = outcome.comparison!.pruned
    const evaluationMs = both === undefined ? durationMs : durationMs / 2
    const spentMs = performance.now() - start
    const baselines = chosenBaselines(task.baselines, { isUsual: usualBaselines && !isFurther(task), spentMs, evaluationMs })
    outcome.baselines = await measureBaselines(task, { baselines, ...unpruned }, { folder: folder.path, work })
    // In a table beside others, and no limit is on it.
    if (baselines.length > 0) outcome.latency ??= await briefLatency(path, pruned.staged, work)
  }
  if (place.copy !== undefined) {
    place.copy.describe(...cardOf(task, pruned, measuredOf(outcome)))
    if (place.copy.isComplete) outcome.copied = await place.copy.stage(place.publication)
  }
  outcome.zipped = await zipping
}

async function zippedPair(task: Task, { stagedFiles }: PrunedModel, { signal }: Work) {
  const sizes = [modelFilesOf(task), stagedFiles].map((files) => zippedSizes(files, signal))
  const [reference, pruned] = await Promise.all(sizes)
  return { reference: reference!, pruned: pruned! }
}

/** What the gate's metric was before the model was recovered: what recovery bought. */
export async function metricBefore(model: string, evaluation: EvaluationSettings, work: Work): Promise<Scores> {
  const request = requestOf(evaluation, model)
  const metrics = request.metrics.slice(0, 1)
  return await measure({ ...request, metrics }, evaluation.limits, { ...work, label: `${work.label}, before recovery` })
}

/** Measures what each stage but the last one left: what more stages cost. Each is written over the one before. */
export function measureStages(
  evaluation: EvaluationSettings,
  {
    folder,
    work,
    onMeasured,
  }: { readonly folder: string; readonly work: Work; readonly onMeasured: (stage: StageScores) => void },
): NonNullable<Staging['onStage']> {
  const path = join(folder, 'stage.onnx')
  return async (model, { number, count }) => {
    const files = await writeModel(model, path, { signal: work.signal })
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    const label = `${work.label}, after stage ${number} of ${count}`
    const request = requestOf(evaluation, path)
    const scores = await measure({ ...request, metrics: request.metrics.slice(0, 1) }, evaluation.limits, { ...work, label })
    onMeasured({ bytes, zippedBytes: await zippedSize(path, work.signal), scores })
  }
}

export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = makeTemporaryFolder('run')
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

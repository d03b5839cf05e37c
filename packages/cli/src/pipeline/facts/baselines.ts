import { join } from 'node:path'
import type { Evaluation, Scores } from '@pare/evaluate'
import type { Drop } from '@pare/gate'
import { present, writeModel } from '@pare/onnx'
import { type Quantiser, quantise } from '@pare/quantise'
import { openFolded } from '../../engine/folding.js'
import { type ModelLatency, relativeLatency } from '../../engine/latency.js'
import type { Work } from '../../engine/work.js'
import { USUAL_BASELINES } from '../../options/quantise.js'
import type { EvaluationSettings } from '../../settings/data/evaluation.js'
import { besideOriginal, pairRequest, requestOf } from '../../settings/data/partner.js'
import type { Task } from '../../settings/task.js'
import { measure } from '../measure.js'
import { forwardFor } from '../steps/quantise.js'
import { zippedSize } from './zipped.js'

/** The unpruned model in fewer bits, as it was measured. */
export interface Baseline {
  readonly method: Quantiser
  readonly bytes: number
  readonly zippedBytes: number
  readonly scores: Scores
  /** Of the gate's metric. Absent where it could not be measured. */
  readonly drop?: Pick<Drop, 'value' | 'interval'>
  /** Time of a run ÷ that of the reference, with its 95 % interval. */
  readonly latency: Pick<ModelLatency, 'relative' | 'interval'>
}

/** How long models are timed for a table beside each other, in seconds: enough to see what differs by some per cent. */
const TIMED_SECONDS = 0.5
/** What is measured unasked takes at most this much of the time that a model has taken so far, or these milliseconds. */
const [UNASKED_SHARE, UNASKED_MS] = [0.5, 10_000]

/**
 * Those that are measured: what was asked for, and unasked the usual ones where that is likely to be cheap beside what the model has taken so far. An evaluation of one of them takes about as long as that
 * of the pruned model did.
 */
export function chosenBaselines(
  asked: Task['baselines'],
  { isUsual, spentMs, evaluationMs }: { readonly isUsual: boolean; readonly spentMs: number; readonly evaluationMs: number },
): readonly Quantiser[] {
  if (asked === false) return []
  if (asked !== undefined) return asked
  const expected = USUAL_BASELINES.length * (evaluationMs + TIMED_SECONDS * 1000)
  return isUsual && expected <= Math.max(UNASKED_MS, UNASKED_SHARE * spentMs) ? USUAL_BASELINES : []
}

/** How long a run of a model takes beside the reference, timed briefly. */
export async function briefLatency(reference: string, pruned: string, work: Work): Promise<ModelLatency> {
  return await relativeLatency({ reference, pruned, seconds: TIMED_SECONDS }, work)
}

/** What a user would take instead of pruning: writes the unpruned model in fewer bits to `folder`, measures it, and forgets it. */
export async function measureBaselines(
  { path, mergeAdapters = false, calibration }: Pick<Task, 'path' | 'mergeAdapters' | 'calibration'>,
  { baselines, evaluation, metric, reference }: BaselineMeasuring,
  { folder, work }: { readonly folder: string; readonly work: Work },
): Promise<Baseline[]> {
  const measured: Baseline[] = []
  for (const method of new Set(baselines)) {
    const label = `${work.label}, unpruned in ${method}`
    const file = join(folder, `${method}.onnx`)
    const bytes = await (async () => {
      await using opened = await openFolded(path, { ...work, label }, { mergeAdapters })
      const { model } = await quantise(opened.model, {
        method,
        ...present({ run: forwardFor(method, calibration, { ...work, label }) }),
      })
      const files = await writeModel(model, file, { signal: work.signal })
      return files.reduce((sum, each) => sum + each.bytes, 0)
    })()
    const compared = { model: file, reference: path }
    const own = besideOriginal(evaluation)
    const request = { ...(own.comparing.length > 0 ? pairRequest(own, compared) : requestOf(own, file)), origin: path }
    const scores = await measure(request, evaluation.limits, { ...work, label })
    const zippedBytes = await zippedSize(file, work.signal)
    const { relative, interval } = await briefLatency(path, file, { ...work, label })
    const latency = { relative, interval }
    measured.push({
      method,
      bytes,
      zippedBytes,
      scores,
      latency,
      ...present({ drop: await dropOf(scores, { evaluation, metric, reference }) }),
    })
  }
  return measured
}

/** How the unpruned model was measured. */
interface BaselineMeasuring extends Unpruned {
  readonly baselines: readonly Quantiser[]
}

interface Unpruned {
  readonly evaluation: EvaluationSettings
  /** The one that the gate looks at. */
  readonly metric: string
  readonly reference: Scores
}

/** How much worse a model is than the unpruned one; undefined where one of them has no value. */
export async function dropOf(
  scores: Evaluation,
  { evaluation, metric, reference }: Unpruned,
): Promise<Baseline['drop'] | undefined> {
  const [before, after] = [reference, scores].map(({ measurements }) => measurements.find((one) => one.metric === metric))
  if (before === undefined || after === undefined) return undefined
  const { drop } = await import('@pare/gate')
  const { findAggregates } = await import('@pare/evaluate')
  const aggregates = await findAggregates([metric], evaluation.request.modules)
  const { value, interval } = drop(before, after, { facts: scores.facts, aggregate: aggregates.get(metric) })
  return { value, interval }
}

/** What a stage of a schedule left. */
export interface StageScores extends Pick<Baseline, 'bytes' | 'zippedBytes' | 'drop'> {
  readonly scores: Evaluation
}

/** The stages, each with how much worse it is than the unpruned model. */
export function withDrops(stages: readonly StageScores[], unpruned: Unpruned): Promise<readonly StageScores[]> {
  return Promise.all(stages.map(async (one) => ({ ...one, ...present({ drop: await dropOf(one.scores, unpruned) }) })))
}

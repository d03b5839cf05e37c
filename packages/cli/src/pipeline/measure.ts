import type { ChildOptions, EvaluateRequest, Evaluation as MeasuredStatistics, Scores } from '@pare/evaluate'
import type { BaseModel, RelativeLatency, Verdict } from '@pare/gate'
import { present } from '@pare/onnx'
import type { BreakdownFields } from '@pare/report'
import { type ModelLatency, relativeLatency } from '../engine/latency.js'
import { childOf, loaderFor, type Work } from '../engine/work.js'
import { hashData, hashFile } from '../files/hash.js'
import { firstMetric } from '../settings/data/demands.js'
import type { EvaluationSettings } from '../settings/data/evaluation.js'
import { pairRequest, referenceRequest, requestOf } from '../settings/data/partner.js'
import type { Task } from '../settings/task.js'
import { Failure } from '../terminal/failure.js'
import { breakdownOf } from './facts/breakdown.js'
import type { PairScores } from './facts/pair-scores.js'
import type { PrunedModel } from './model.js'

/** Scores of reference models in this run, by model and how it is measured. */
export type ReferenceScores = Map<string, Scores>

/** What was measured of a model and of its reference, and what the gate says. */
export interface ModelJudgement {
  readonly comparison: PairScores
  /** SHA-256 of the evaluation data. */
  readonly dataHash: string
  /** Where both were timed. */
  readonly latency?: ModelLatency
  readonly verdict: Verdict
  /** What the metric hides. */
  readonly breakdown: BreakdownFields
}

/** Measures a pruned model and its reference over the evaluation data of a task, and judges what it lost. */
export async function judgeModel(
  { path, evaluation, demands }: Task & { readonly evaluation: EvaluationSettings },
  pruned: Pick<PrunedModel, 'model' | 'staged' | 'stagedSha256' | 'output' | 'macs'>,
  { references, onComparison, work, base, sharing, latency: earlier }: Judging,
): Promise<ModelJudgement> {
  await using hashing = hashData(evaluation.request.data)
  const pair = { reference: path, pruned: pruned.staged, evaluation }
  const comparison = await measurePair(pair, references, work, sharing)
  const dataHash = await hashing.digest()
  onComparison(comparison, dataHash)
  const latency = evaluation.latency ? (earlier ?? (await relativeLatency(pair, work))) : undefined
  await refuseReplaced(pruned)
  const { judgeDemands } = await import('@pare/gate')
  const { findAggregates } = await import('@pare/evaluate')
  const { metrics, modules } = evaluation.request
  const aggregates = await findAggregates(metrics, modules)
  const verdict = judgeDemands({
    reference: comparison.reference.measurements,
    pruned: comparison.pruned.measurements,
    demands: demands ?? [{}],
    metric: metrics[0]!,
    aggregateOf: (metric) => aggregates.get(metric),
    facts: comparison.pruned.facts,
    latency: latency && relativeOf(latency),
    size: { before: pruned.model.bytes, after: pruned.output.bytes },
    macs: pruned.macs ?? undefined,
    base,
  })
  const metric = firstMetric(evaluation, demands)
  const breakdown = breakdownOf(comparison, { metric, aggregate: aggregates.get(metric) })
  return { comparison, dataHash, ...present({ latency }), verdict, breakdown }
}

interface Judging {
  /** Collects. */
  readonly references: ReferenceScores
  /** Called as soon as both are measured: what follows may fail. */
  readonly onComparison: (comparison: PairScores, dataHash: string) => void
  readonly work: Work
  /** The model as it came out on the base branch, where that is known. */
  readonly base?: BaseModel
  readonly sharing?: Sharing
  /** As it was timed elsewhere. Default: it is timed where a demand asks for it */
  readonly latency?: ModelLatency
}

/** How an evaluation is spread over machines: it is a share that is recorded, or what all shares recorded. */
export type Sharing = Pick<EvaluateRequest, 'share' | 'recordings'>

interface Pair {
  readonly reference: string
  readonly pruned: string
  readonly evaluation: EvaluationSettings
}

/** Measures both models of a pair; a reference that was measured the same way before is not run again unless a metric compares with it. */
export async function measurePair(
  { reference, pruned, evaluation }: Pair,
  references: ReferenceScores,
  work: Work,
  sharing: Sharing = {},
): Promise<PairScores> {
  const key = referenceKey(reference, evaluation)
  const before = references.get(key)
  // What is recorded must hold the reference too: it may be put together with others by somebody who has not measured it.
  const isNeeded = before === undefined || evaluation.comparing.length > 0 || sharing.share !== undefined
  const own = isNeeded ? pairRequest(evaluation, { model: pruned, reference }) : requestOf(evaluation, pruned)
  const request = { ...own, ...sharing }
  const measured = await measure(request, evaluation.limits, work)
  const scores = measured.reference ?? before
  if (scores === undefined) throw new Error(`no scores of the reference ${reference} came back`)
  references.set(key, scores)
  return { reference: scores, pruned: measured }
}

/** What tells how a reference was measured. */
export function referenceKey(reference: string, evaluation: EvaluationSettings): string {
  return JSON.stringify(referenceRequest(evaluation, reference))
}

/** As the gate takes it. */
function relativeOf({ relative: value, interval, seconds, identical }: ModelLatency): RelativeLatency {
  return { value, interval, ...present({ seconds, identical }) }
}

/** What was measured must be what was written. */
async function refuseReplaced({
  staged,
  stagedSha256,
  output,
}: Pick<PrunedModel, 'staged' | 'stagedSha256' | 'output'>): Promise<void> {
  await using hashing = hashFile(staged)
  const sha256 = await hashing.digest()
  if (sha256 === stagedSha256) return
  throw new Failure(
    'infrastructure',
    `pare run: ${output.path} changed while it was measured: it had SHA-256 ${stagedSha256}, and has ${sha256}.`,
    {
      hint: 'find out what writes to the output folder, and run again',
    },
  )
}

/** Runs one evaluation in a child process. */
export async function measure(
  request: EvaluateRequest,
  limits: EvaluationSettings['limits'],
  { signal, progress, label, engine }: Work,
): Promise<MeasuredStatistics> {
  const { evaluate } = await import('@pare/evaluate')
  const activity = progress.begin(`${label}: measuring ${request.metrics.join(', ')}`)
  const options: ChildOptions = {
    ...limits,
    signal,
    onProgress: ({ done, total }) => activity.update(done, total ?? 0),
    ...childOf(engine),
    ...loaderFor([request.data]),
  }
  try {
    return await evaluate({ ...present({ threads: engine.threads }), ...request }, options)
  } finally {
    activity.end()
  }
}

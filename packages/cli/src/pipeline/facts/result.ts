import { stat } from 'node:fs/promises'
import type { Scores } from '@pare/evaluate'
import { figure, formatDuration, plural, type Verdict } from '@pare/gate'
import { openModel, present } from '@pare/onnx'
import { adviceFor, type BreakdownFields, type RunResults } from '@pare/report'
import type { ModelLatency } from '../../engine/latency.js'
import { showPath } from '../../files/paths.js'
import { valueText } from '../../folder/card.js'
import type { CopyFacts } from '../../folder/folder-copy.js'
import { firstMetric } from '../../settings/data/demands.js'
import type { Task } from '../../settings/task.js'
import type { SmallestSearchFacts } from '../../smallest/find-smallest.js'
import type { FailureReport } from '../../terminal/failure.js'
import type { PrunedModel } from '../model.js'
import { describeNothing, describeSmallest, disagreement, smallestResult } from '../smallest.js'
import { shownMasks } from '../steps/masks.js'
import type { Baseline, StageScores } from './baselines.js'
import { courseOf } from './course.js'
import { demandResult, limitsOf, saysMore } from './demand-results.js'
import { bytesOf } from './facts.js'
import type { PairScores } from './pair-scores.js'
import { proofOf } from './proof-facts.js'
import { nothingRemoved } from './removed-units.js'
import { weightCurves } from './weight-curves.js'

type ModelResult = RunResults['models'][number]

/** What is known of a model when its run ends, however early. */
export interface ModelOutcome {
  pruned?: PrunedModel
  /** How the smallest model that passes was looked for, where that was wanted. */
  smallest?: SmallestSearchFacts
  /** The task with what was chosen. */
  chosen?: Task
  zipped?: { readonly reference: number; readonly pruned: number }
  comparison?: PairScores
  /** Of the pruned model before it was recovered. */
  unrecovered?: Scores
  /** What each stage of a schedule but the last one left. */
  stages?: readonly StageScores[]
  dataHash?: string
  /** Hash of the calibration data, also where they were measured before. */
  calibratedOn?: string | undefined
  latency?: ModelLatency
  /** The unpruned model in fewer bits, where that was wanted. */
  baselines?: readonly Baseline[]
  /** What other data hold of the evaluation data, as far as they were looked at. */
  repeated?: readonly string[]
  /** The folder that the model came in, where all of its models are pruned. */
  copied?: CopyFacts
  verdict?: Verdict
  breakdown?: BreakdownFields
  /** Where an earlier run left what was taken over, and the seconds that it took. */
  reuse?: { readonly path: string; readonly seconds: number }
  /** What it took. */
  cost?: StageCost
  error?: FailureReport
}

/** Seconds: to prune a model with all that belongs to it, and to measure it and its reference. */
export interface StageCost {
  readonly prune: number
  readonly measure: number
}

/** A model's part of `results.json`. Without a verdict of the gate it is incomplete, with the reason. */
export async function resultOf(task: Task, outcome: ModelOutcome, cwd: string): Promise<ModelResult> {
  const result = await outcomeResult(task, outcome, cwd)
  const advice = adviceFor(result)
  return { ...result, ...(advice.length > 0 && { advice }) }
}

async function outcomeResult(task: Task, outcome: ModelOutcome, cwd: string): Promise<ModelResult> {
  const { pruned, comparison, verdict, error, smallest } = outcome
  const isNothing = smallest !== undefined && smallest.chosen === undefined
  const reasons =
    error !== undefined
      ? [error.message]
      : task.evaluation === undefined
        ? [NOT_MEASURED]
        : [...(isNothing ? [describeNothing(smallest)] : []), ...(verdict?.reasons ?? [])]
  return {
    path: task.name,
    ...present({ of: task.first?.name }),
    ...(task.evaluation?.partner !== undefined && { set: showPath(task.folder!.path, cwd) }),
    verdict: error === undefined ? (verdict?.verdict ?? (isNothing ? 'fail' : 'incomplete')) : 'incomplete',
    ...(verdict !== undefined && {
      summary: [verdict.summary, ...asOne(task), ...nothingRemoved(pruned?.cut ?? []).map(sentence)].join(' '),
    }),
    reasons: [...reasons, ...unmeasured(task, comparison)],
    ...(task.evaluation !== undefined && { metric: firstMetric(task.evaluation, task.demands) }),
    ...(task.demands?.[0] !== undefined && { limits: limitsOf(task.demands[0]) }),
    ...(await filesOf(task, outcome, cwd)),
    ...(verdict?.drop !== undefined && { drop: { ...verdict.drop, interval: [...verdict.drop.interval] } }),
    ...(verdict?.resolution !== undefined && { resolution: verdict.resolution }),
    ...(verdict !== undefined && saysMore(verdict) && { demands: verdict.demands.map(demandResult) }),
    ...outcome.breakdown,
    ...present({ latency: outcome.latency, reuse: outcome.reuse }),
    ...baselinesOf(outcome),
    ...(smallest !== undefined && { smallest: smallestResult(smallest, cwd) }),
    ...(pruned?.calibration !== undefined && {
      calibration: structuredClone(pruned.calibration) as NonNullable<ModelResult['calibration']>,
    }),
    ...(pruned !== undefined && { ...pruningOf(pruned, cwd), ...weightCurves(task.steps) }),
    ...(outcome.unrecovered !== undefined && { unrecovered: { metrics: { ...outcome.unrecovered.metrics } } }),
    steps: [
      ...reuseOf(outcome),
      ...(smallest === undefined ? [] : [`searched: ${describeSmallest(smallest)}`]),
      ...(task.first === undefined ? courseOf(task, pruned) : [`judged on other data: what was pruned as ${task.first.name}`]),
      ...copyOf(outcome),
    ],
    warnings: [
      ...(pruned?.warnings ?? []),
      ...(outcome.copied?.warnings ?? []),
      ...disagreement(smallest, verdict?.verdict),
      ...(outcome.repeated ?? []),
      ...mixedUp(outcome),
      ...(verdict?.warnings ?? []),
      ...warningsOf(task, comparison),
    ],
    ...(error !== undefined && {
      error: { message: error.message, kind: error.kind, ...present({ hint: error.hint }) },
    }),
  }
}

/** What is measured with the model. */
function asOne({ evaluation }: Task): readonly string[] {
  const role = evaluation?.partner?.role
  if (role === undefined) return []
  return [
    role === 'encoder' ? 'Measured with its pruned encoder: both lost that together.' : 'Measured with its decoder as that was.',
  ]
}

function reuseOf({ reuse }: ModelOutcome): readonly string[] {
  if (reuse === undefined) return []
  const took = formatDuration(reuse.seconds * 1000)
  return [`taken over from an earlier run of the same model, data and settings, which took ${took}, and judged anew`]
}

/** What files beside the model say now. */
function copyOf({ copied }: ModelOutcome): readonly string[] {
  return (copied?.edits ?? []).map(
    ({ file, key, before, after }) => `wrote ${file}: ${key} ${valueText(before)} → ${valueText(after)}`,
  )
}

/** What was measured of a model and its reference, and the verdict, a line each. */
export function measuredOf({ comparison, verdict }: ModelOutcome): readonly string[] {
  if (comparison === undefined) return []
  const { reference, pruned } = comparison
  const shown = (value: number | undefined) => (value === undefined ? 'not measured' : figure(value))
  const metrics = Object.entries(pruned.metrics).map(
    ([metric, value]) => `${metric} ${shown(reference.metrics[metric])} → ${shown(value)} on ${plural(pruned.samples, 'sample')}`,
  )
  return [...metrics, ...(verdict === undefined ? [] : [verdict.summary])]
}

/** 'no layer …' begins with a capital. */
const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`

const NOT_MEASURED =
  "There is no evaluation data: name some with evaluate: { data: 'val.npz', metric: 'accuracy' } in the config, or with --data."

async function filesOf(task: Task, { pruned, zipped, comparison, dataHash }: ModelOutcome, cwd: string) {
  const bytes = pruned?.model.bytes ?? (await sizeOf(task.path))
  const reference = { path: task.first?.name ?? task.name, bytes, metrics: { ...comparison?.reference.metrics } }
  const data = task.evaluation?.request.data
  return {
    ...(data !== undefined &&
      comparison !== undefined && {
        data: {
          path: showPath(data, cwd),
          samples: comparison.pruned.samples,
          ...present({ sha256: dataHash }),
        },
      }),
    reference: {
      ...reference,
      ...(pruned !== undefined && { sha256: pruned.model.sha256 }),
      ...(zipped !== undefined && { zippedBytes: zipped.reference }),
    },
    ...(pruned !== undefined && {
      pruned: {
        path: showPath(pruned.output.path, cwd),
        bytes: pruned.output.bytes,
        sha256: pruned.output.sha256,
        metrics: { ...comparison?.pruned.metrics },
        ...(zipped !== undefined && { zippedBytes: zipped.pruned }),
      },
    }),
  }
}

/** Of a model that may not be one. */
async function sizeOf(path: string): Promise<number> {
  try {
    await using file = await openModel(path)
    return bytesOf(file)
  } catch {
    return await stat(path).then(
      ({ size }) => size,
      () => 0,
    )
  }
}

function pruningOf(pruned: PrunedModel, cwd: string): Partial<ModelResult> {
  const { sparsity, parameters, macs, layers, cut, declined, plan } = pruned
  const proof = proofOf(pruned)
  return {
    // Of what is only cut, no zeros are counted.
    ...(layers.length > 0 && { sparsity, layers: layers.map((layer) => ({ ...layer, shape: [...layer.shape] })) }),
    ...(cut.length > 0 && { groups: cut.map((group) => ({ ...group })) }),
    ...present({ proof }),
    device: { ...pruned.device },
    ...(pruned.searches.length > 0 && { searches: structuredClone(pruned.searches) as NonNullable<ModelResult['searches']> }),
    ...(pruned.repair !== undefined && { repair: { ...pruned.repair, notes: [...pruned.repair.notes] } }),
    ...(pruned.blocks.length > 0 && { blocks: structuredClone(pruned.blocks) as NonNullable<ModelResult['blocks']> }),
    ...(pruned.trainings.length > 0 && { trainings: structuredClone(pruned.trainings) as NonNullable<ModelResult['trainings']> }),
    ...(pruned.training !== undefined && { training: { ...pruned.training, path: showPath(pruned.training.path, cwd) } }),
    ...present({ stored: pruned.stored && { ...pruned.stored } }),
    ...(pruned.quantised !== undefined && {
      quantised: structuredClone(pruned.quantised) as NonNullable<ModelResult['quantised']>,
    }),
    parameters,
    macs,
    declined: declined.map(({ id, structure, reason }) => ({ id, structure, reason })),
    plan: { path: showPath(plan.path, cwd) },
    ...(structuredClone(shownMasks(pruned, cwd)) as Pick<ModelResult, 'masks'>),
  }
}

function baselinesOf({ baselines = [], stages = [] }: ModelOutcome): Pick<ModelResult, 'baselines' | 'stages'> {
  const asResult = ({ bytes, zippedBytes, scores, drop }: Pick<Baseline, 'bytes' | 'zippedBytes' | 'scores' | 'drop'>) => ({
    ...{ bytes, zippedBytes, metrics: { ...scores.metrics } },
    ...(drop && { drop: { value: drop.value, interval: [...drop.interval] as [number, number] } }),
  })
  const timed = ({ method, latency, ...one }: Baseline) => ({
    ...{ method, ...asResult(one) },
    latency: { relative: latency.relative, interval: [...latency.interval] as [number, number] },
  })
  return {
    ...(baselines.length > 0 && { baselines: baselines.map(timed) }),
    ...(stages.length > 0 && { stages: stages.map(asResult) }),
  }
}

/** Why the gate's metric has no value. */
function unmeasured({ evaluation }: Task, comparison: PairScores | undefined): readonly string[] {
  const metric = evaluation?.request.metrics[0]
  return missing(comparison).flatMap(({ model, metric: name, reason }) =>
    name === metric ? [`${name} of the ${model} model: ${reason}`] : [],
  )
}

/** Calibrated or trained on what it is judged by: the drop looks smaller than it is. */
export function mixedUp({ pruned, dataHash, repeated, calibratedOn = pruned?.calibration?.sha256 }: ModelOutcome): string[] {
  if (repeated !== undefined) return []
  if (dataHash === undefined) return []
  const same = [
    ...(calibratedOn === dataHash ? [['calibration', 'Calibrate'] as const] : []),
    ...(pruned?.training?.sha256 === dataHash ? [['training', 'Train'] as const] : []),
  ]
  return same.map(
    ([kind, verb]) =>
      `the ${kind} data are the evaluation data: what is measured may look better than it is. ${verb} on other samples`,
  )
}

function warningsOf({ evaluation }: Task, comparison: PairScores | undefined): string[] {
  const gated = evaluation?.request.metrics[0]
  const others = missing(comparison).flatMap(({ model, metric, reason }) =>
    metric === gated ? [] : [`${metric} of the ${model} model could not be measured: ${reason}`],
  )
  const ignored = comparison?.pruned.ignored ?? []
  others.push(...(comparison?.pruned.notes ?? []))
  return ignored.length === 0 ? others : [...others, `arrays of the data that no input takes: ${ignored.join(', ')}`]
}

function missing(comparison: PairScores | undefined) {
  return (['reference', 'pruned'] as const).flatMap((model) =>
    (comparison?.[model].unmeasured ?? []).map((entry) => ({ model, ...entry })),
  )
}

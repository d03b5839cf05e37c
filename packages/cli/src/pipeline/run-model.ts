import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Scores } from '@pare/evaluate'
import type { Limits } from '@pare/gate'
import type { RunResults } from '@pare/report'
import { relativeLatency } from '../engine/latency.js'
import type { Engine, Work } from '../engine/work.js'
import { hashFile } from '../files/hash.js'
import type { OutputFiles } from '../files/output.js'
import type { Publication } from '../files/publication.js'
import type { Evaluation } from '../settings/evaluation.js'
import { present } from '../settings/settings.js'
import type { Task } from '../settings/tasks.js'
import { Failure, reportOf } from '../terminal/failure.js'
import { measure, measurePair, type ReferenceScores } from './measure.js'
import { type Pruned, pruneModel } from './prune.js'
import { type Found, mixedUp, resultOf } from './result.js'
import { zippedSize } from './zipped.js'

export interface ModelRun {
  readonly result: RunResults['models'][number]
  /** Version of what ran the model, where it got so far. */
  readonly onnxruntime?: string
}

export interface RunContext extends Work {
  readonly seed: number
  readonly output: OutputFiles
  readonly publication: Publication
  readonly cwd: string
  /** Of a checkout that is not trusted. */
  readonly workspace: string | undefined
  /** Collects. */
  readonly known: ReferenceScores
  readonly engine: Engine
  readonly onError?: ((model: string, error: unknown) => void) | undefined
}

/** One model of a run. A failure is this model's and told in its result; only an abort is thrown. */
export async function runModel(task: Task, context: RunContext): Promise<ModelRun> {
  const start = Date.now()
  const found: Found = {}
  try {
    await examine(task, context, found)
  } catch (error) {
    context.signal.throwIfAborted()
    const report = reportOf(error)
    found.error = { ...report, message: context.publication.named(report.message) }
    context.onError?.(task.name, error)
  }
  const result = { ...(await resultOf(task, found, context.cwd)), durationMs: Date.now() - start }
  return found.comparison === undefined ? { result } : { result, onnxruntime: found.comparison.pruned.onnxruntime }
}

/** Prunes, measures both models, judges. What is found is kept in `found`, however far it gets. */
async function examine(task: Task, context: RunContext, found: Found): Promise<void> {
  const { path, steps, evaluation, limits = {}, prove = true } = task
  const { seed, output, publication, cwd, engine } = context
  const given = present({
    schedule: task.schedule,
    recover: task.recover,
    calibration: task.calibration,
    training: task.training,
  })
  await using folder = await temporaryFolder()
  const unrecovered = evaluation === undefined ? {} : { unrecovered: join(folder.path, 'unrecovered.onnx') }
  const where = { output, publication, cwd, workspace: context.workspace }
  const pruned = await pruneModel({ path, steps, seed, ...where, prove, engine, ...given, ...unrecovered }, context)
  found.pruned = pruned
  const zipping = Promise.all([path, pruned.staged].map((file) => zippedSize(file, context.signal)))
  // It goes on while the models are measured, and may fail before somebody waits for it.
  zipping.catch(() => undefined)
  found.calibratedOn = task.calibration?.statistics?.data.sha256
  if (evaluation !== undefined) {
    if (pruned.unrecovered) found.unrecovered = await metricBefore(unrecovered.unrecovered!, evaluation, context)
    await measureAndJudge({ pruned, evaluation, limits }, context, found)
  }
  const [reference, candidate] = await zipping
  found.zipped = { reference: reference!, pruned: candidate! }
}

/** What the gate's metric was before the model was recovered: what recovery bought. */
async function metricBefore(model: string, { request, limits }: Evaluation, context: RunContext): Promise<Scores> {
  const metrics = request.metrics.slice(0, 1)
  const label = `${context.label}, before recovery`
  return await measure({ ...request, metrics, model }, limits, { ...context, label })
}

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'pare-run-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

async function measureAndJudge(
  { pruned, evaluation, limits }: { pruned: Pruned; evaluation: Evaluation; limits: Limits },
  context: RunContext,
  found: Found,
): Promise<void> {
  await using hashing = hashFile(evaluation.request.data)
  const pair = { reference: pruned.model.path, pruned: pruned.staged, evaluation }
  const comparison = await measurePair(pair, context.known, context)
  found.comparison = comparison
  found.dataHash = await hashing.digest()
  for (const warning of mixedUp(found)) context.progress.note(`warning: ${context.label}: ${warning}`)
  if (evaluation.latency || limits.maxLatency !== undefined) found.latency = await relativeLatency(pair, context)
  const { judge } = await import('@pare/gate')
  const [metric] = evaluation.request.metrics
  const [reference, candidate] = [comparison.reference, comparison.pruned].map(({ measurements }) =>
    measurements.find((measurement) => measurement.metric === metric),
  )
  await refuseReplaced(pruned)
  const latency = found.latency && { value: found.latency.relative, interval: found.latency.interval }
  found.verdict = judge({ reference, pruned: candidate, limits, latency })
}

/** What was measured must be what was written. */
async function refuseReplaced({ staged, output }: Pruned): Promise<void> {
  await using hashing = hashFile(staged)
  const sha256 = await hashing.digest()
  if (sha256 === output.sha256) return
  throw new Failure(
    'infrastructure',
    `pare run: ${output.path} changed while it was measured: it had SHA-256 ${output.sha256}, and has ${sha256}.`,
    {
      hint: 'find out what writes to the output folder, and run again',
    },
  )
}

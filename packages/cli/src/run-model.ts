import type { RunResults } from '@pare/report'
import { reportOf } from './failure.js'
import { hashFile } from './hash.js'
import { type Engine, measurePair, type ReferenceScores } from './measure.js'
import type { OutputFiles } from './output.js'
import { pruneModel, type Work } from './prune.js'
import { type Found, resultOf } from './result.js'
import type { Task } from './tasks.js'
import { zippedSize } from './zipped.js'

export interface ModelRun {
  readonly result: RunResults['models'][number]
  /** What ran the model, where it got so far. */
  readonly runtime?: { readonly onnxruntime: string; readonly executionProvider: string }
}

export interface RunContext extends Work {
  readonly seed: number
  readonly output: OutputFiles
  readonly cwd: string
  /** Collects. */
  readonly known: ReferenceScores
  readonly engine: Engine
}

/** One model of a run. A failure is this model's and told in its result; only an abort is thrown. */
export async function runModel(task: Task, context: RunContext): Promise<ModelRun> {
  const start = Date.now()
  const found: Found = {}
  try {
    await examine(task, context, found)
  } catch (error) {
    context.signal.throwIfAborted()
    found.error = reportOf(error)
  }
  const result = { ...(await resultOf(task, found, context.cwd)), durationMs: Date.now() - start }
  return found.comparison === undefined ? { result } : { result, runtime: found.comparison.pruned }
}

/** Prunes, measures both models, judges. What is found is kept in `found`, however far it gets. */
async function examine({ path, steps, evaluation, limits = {} }: Task, context: RunContext, found: Found): Promise<void> {
  const { seed, output, known } = context
  const pruned = await pruneModel({ path, steps, seed, output }, context)
  found.pruned = pruned
  found.zipped = { reference: await zippedSize(path), pruned: await zippedSize(pruned.output.path) }
  if (evaluation === undefined) return
  await using hashing = hashFile(evaluation.request.data)
  const comparison = await measurePair({ reference: path, pruned: pruned.output.path, evaluation }, known, context)
  found.comparison = comparison
  found.dataHash = await hashing.digest()
  const { judge } = await import('@pare/gate')
  const [metric] = evaluation.request.metrics
  const [reference, candidate] = [comparison.reference, comparison.pruned].map(({ measurements }) =>
    measurements.find((measurement) => measurement.metric === metric),
  )
  found.verdict = judge({ reference, pruned: candidate, limits })
}

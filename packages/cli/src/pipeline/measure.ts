import type { ChildOptions, EvaluateRequest, Evaluation as Measured, Scores } from '@pare/evaluate'
import { childOf, type Engine, type Work } from '../engine/work.js'
import type { Evaluation } from '../settings/evaluation.js'

/** A reference and its pruned model over the same samples. */
export interface Comparison {
  readonly reference: Scores
  readonly pruned: Measured
}

/** Scores of reference models in this run, by model and how it is measured. */
export type ReferenceScores = Map<string, Scores>

export interface Pair {
  readonly reference: string
  readonly pruned: string
  readonly evaluation: Evaluation
}

/** Measures both models of a pair; a reference that was measured the same way before is not run again unless a metric compares with it. */
export async function measurePair(
  { reference, pruned, evaluation }: Pair,
  known: ReferenceScores,
  work: Work & { readonly engine: Engine },
): Promise<Comparison> {
  const key = JSON.stringify([reference, evaluation.request])
  const before = known.get(key)
  const compares = evaluation.request.metrics.some(comparesModels)
  const request = { ...evaluation.request, model: pruned, ...(before === undefined || compares ? { reference } : {}) }
  const measured = await measure(request, evaluation.limits, work)
  const scores = measured.reference ?? before
  if (scores === undefined) throw new Error(`no scores of the reference ${reference} came back`)
  known.set(key, scores)
  return { reference: scores, pruned: measured }
}

/** Whether a metric is a comparison with another model. */
export function comparesModels(metric: string): boolean {
  return metric === 'agreement' || metric === 'kl'
}

/** Runs one evaluation in a child process. */
export async function measure(
  request: EvaluateRequest,
  limits: Evaluation['limits'],
  { signal, progress, label, engine }: Work & { readonly engine: Engine },
): Promise<Measured> {
  const { evaluate } = await import('@pare/evaluate')
  const activity = progress.begin(`${label}: measuring ${request.metrics.join(', ')}`)
  const options: ChildOptions = {
    ...limits,
    signal,
    onProgress: ({ done, total }) => activity.update(done, total ?? 0),
    ...childOf(engine),
    ...(/\.[cm]?ts$/.test(request.data) && { loader: import.meta.resolve('jiti/register') }),
  }
  try {
    return await evaluate(request, options)
  } finally {
    activity.end()
  }
}

import type { Demand } from '@pare/gate'
import type { EvaluationSettings } from './evaluation.js'

/** What must be measured for these demands, too: their metrics, F1 for its classes, the columns of their slices, the time of a run. */
export function withDemands(
  evaluation: EvaluationSettings | undefined,
  demands: readonly Demand[] = [],
): EvaluationSettings | undefined {
  if (evaluation === undefined) return undefined
  const { request } = evaluation
  const metrics = union(
    request.metrics,
    demands.flatMap(({ metric, classes }) => [...(metric === undefined ? [] : [metric]), ...(classes ? ['f1'] : [])]),
  )
  const slices = union(
    request.slices ?? [],
    demands.flatMap(({ where, by }) => where?.split('=')[0]?.trim() ?? by ?? []),
  )
  const latency = evaluation.latency || demands.some(({ maxLatency }) => maxLatency !== undefined)
  return { ...evaluation, request: { ...request, metrics, ...(slices.length > 0 && { slices }) }, latency }
}

/** The metric of a run that is told first: that of the first demand, or the first that is measured. */
export function firstMetric({ request }: EvaluationSettings, demands: readonly Demand[] = []): string {
  return demands[0]?.metric ?? request.metrics[0]!
}

function union(first: readonly string[], more: readonly string[]): readonly string[] {
  return [...new Set([...first, ...more])]
}

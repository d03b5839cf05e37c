import type { Demand } from '@pare/gate'
import { present } from '@pare/onnx'
import { type Check, placeIn } from '../check.js'
import { type EvaluationSettings, metricSettings } from './evaluation.js'

/** What must be measured for these demands, too: their metrics, F1 for its classes, the columns of their slices, the time of a run. */
export async function withDemands(
  evaluation: EvaluationSettings | undefined,
  demands: readonly Demand[] = [],
  { place, check }: { readonly place: string; readonly check: Check },
): Promise<EvaluationSettings | undefined> {
  if (evaluation === undefined) return undefined
  const { request } = evaluation
  const metrics = union(
    request.metrics,
    demands.flatMap(({ metric, classes }) => [...(metric === undefined ? [] : [metric]), ...(classes ? ['f1'] : [])]),
  )
  const setting = await metricSettings(metrics, placeIn(place, 'metric'), check)
  if (setting === undefined) return undefined
  const { modules, comparing, commands } = setting
  const slices = union(
    request.slices ?? [],
    demands.flatMap(({ where, by }) => where?.split('=')[0]?.trim() ?? by ?? []),
  )
  const latency = evaluation.latency || demands.some(({ maxLatency }) => maxLatency !== undefined)
  return {
    ...evaluation,
    request: { ...request, metrics, ...present({ modules }), ...(slices.length > 0 && { slices }) },
    ...{ comparing, commands, latency },
  }
}

/** The metric of a run that is told first: that of the first demand, or the first that is measured. */
export function firstMetric({ request }: EvaluationSettings, demands: readonly Demand[] = []): string {
  return demands[0]?.metric ?? request.metrics[0]!
}

function union(first: readonly string[], more: readonly string[]): readonly string[] {
  return [...new Set([...first, ...more])]
}

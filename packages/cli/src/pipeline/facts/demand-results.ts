import type { Demand, DemandVerdict, Limits, Verdict } from '@pare/gate'
import { present } from '@pare/onnx'
import type { RunResults } from '@pare/report'

type Demands = NonNullable<RunResults['models'][number]['demands']>

/** What a demand limits, without what it is about. */
export function limitsOf({ metric: _metric, where: _where, by: _by, classes: _classes, ...limits }: Demand): Limits {
  return limits
}

/** Whether the demands say more than the verdict does: where there are several, or one on every part. */
export function saysMore({ demands }: Verdict): boolean {
  return demands.length > 1 || demands.some(({ parts }) => parts !== undefined)
}

/** One of several demands, as `results.json` tells of it. */
export function demandResult({ demand, ...verdict }: DemandVerdict): Demands[number] {
  const { about, summary, drop, resolution, parts, reasons, breaches } = verdict
  return structuredClone({
    about,
    verdict: verdict.verdict,
    summary,
    reasons,
    limits: limitsOf(demand),
    breaches,
    ...present({ drop, resolution, parts }),
  }) as Demands[number]
}

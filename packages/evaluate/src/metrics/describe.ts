import type { OptionDescription } from '@pare/metric'
import { METRICS } from './first-party.js'

/** What a metric says of itself: its formula, and what can be set. */
export interface MetricDescription {
  readonly name: string
  readonly about: string
  readonly options: readonly OptionDescription[]
}

/** Of the metric of one name that comes with this package, or of all. Loads them. */
export async function describeMetrics(named?: string): Promise<readonly MetricDescription[]> {
  const entries = Object.entries(METRICS).filter(([name]) => named === undefined || name === named)
  return Promise.all(
    entries.map(async ([name, load]) => {
      const { about, options } = await load()
      return { name, about, options }
    }),
  )
}

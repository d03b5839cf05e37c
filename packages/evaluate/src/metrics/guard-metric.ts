import type { Aggregate } from '@pare/gate'
import type { Combination, Contribution, Metric, MetricNeeds } from '@pare/metric'
import { blamed, type Members, type PluginOrigin, pluginFault, refuseStray } from '@pare/onnx'

/** The metric, with all that it gives checked against the contract: what is wrong is told as its fault. */
export function guardMetric(metric: Metric, origin: PluginOrigin): Metric {
  const { combine, needs } = metric
  refuseStray(origin, { what: 'it', value: metric, members: METRIC })
  refuseStray(origin, { what: 'needs', value: needs, members: NEEDS })
  if (typeof combine === 'object') refuseStray(origin, { what: 'combine', value: combine, members: { f1: true } })
  return {
    ...metric,
    of(sample) {
      const own: unknown = blamed(origin, 'of', () => metric.of(sample))
      if (isContribution(own)) return own
      throw pluginFault(origin, { problem: `of gave ${shown(own)}`, expected: 'a number, a list of numbers or undefined' })
    },
    combine: guardedCombination(combine, origin),
  }
}

const METRIC: Members<Metric> = {
  ...{ name: true, formula: true, better: true, bounded: true, needs: true, of: true, combine: true, runs: true, blind: true },
}
const NEEDS: Members<MetricNeeds> = {
  ...{ read: true, against: true, per: true, with: true, pairs: true, draws: true, many: true, single: true },
}

function guardedCombination(combine: Combination, origin: PluginOrigin): Combination {
  if (typeof combine === 'function') return combining(combine, origin)
  return typeof combine === 'object' ? { f1: combining(combine.f1, origin) } : combine
}

function combining(combine: Aggregate, origin: PluginOrigin): Aggregate {
  return (records, weights) => {
    const value: unknown = blamed(origin, 'combine', () => combine(records, weights))
    if (typeof value === 'number') return value
    throw pluginFault(origin, { problem: `combine gave ${shown(value)}`, expected: 'a number' })
  }
}

function isContribution(own: unknown): own is Contribution | undefined {
  return own === undefined || typeof own === 'number' || (Array.isArray(own) && own.every((part) => typeof part === 'number'))
}

const shown = (value: unknown) => (value instanceof Promise ? 'a promise' : (JSON.stringify(value) ?? typeof value).slice(0, 60))

import type { Aggregate } from '@pare/gate'
import type { Contribution, Metric } from '@pare/metric'
import { blamed, type PluginOrigin, pluginFault } from '@pare/onnx'

/** The metric, with all that it gives checked against the contract: what is wrong is told as its fault. */
export function guardMetric(metric: Metric, origin: PluginOrigin): Metric {
  const { combine } = metric
  return {
    ...metric,
    of(sample) {
      const own: unknown = blamed(origin, 'of', () => metric.of(sample))
      if (isContribution(own)) return own
      throw pluginFault(origin, { problem: `of gave ${shown(own)}`, expected: 'a number, a list of numbers or undefined' })
    },
    combine: typeof combine === 'function' ? combining(combine, origin) : combine,
  }
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

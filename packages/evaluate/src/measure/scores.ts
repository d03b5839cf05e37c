import type { Measurement } from '@pare/gate'
import { type Metric, type ReadableSample, startTally } from '@pare/metric'
import type { Batch } from '../data/dataset.js'
import { type Sameness, startSameness } from '../metrics/sameness.js'
import type { Scores } from '../process/request.js'

/** Whether all inputs are the same in every sample. */
export function startInputs() {
  const inputs = new Map<string, Sameness>()
  return {
    add({ inputs: arrays, size }: Batch) {
      for (const [name, array] of Object.entries(arrays)) {
        if (!inputs.has(name)) inputs.set(name, startSameness(0))
        inputs.get(name)!.add(array, size)
      }
    },
    same(): Measurement['same'] {
      const all = [...inputs.values()]
      if (all.length === 0 || !all.every((one) => one.isSame())) return undefined
      return all.every((one) => one.isZero()) ? 'zeros' : 'inputs'
    },
  }
}

/** All metrics of one model. One that meets a sample it cannot judge stops there and has no value. */
export function startScores(metrics: readonly Metric[]) {
  const tallies = metrics.map((metric) => ({
    metric: metric.name,
    tally: startTally(metric),
    failed: -1,
  }))
  return {
    add(samples: readonly (readonly ReadableSample[])[], batch: Batch) {
      for (const [at, one] of tallies.entries()) {
        const own = samples[at]!
        for (let i = 0; i < own.length && one.failed < 0; i++) if (!one.tally.add(own[i]!)) one.failed = batch.first + i
      }
    },
    finish(output: string, same: Measurement['same']): Scores {
      const unmeasured = tallies
        .filter(({ failed }) => failed >= 0)
        .map(({ metric, failed }) => ({
          metric,
          reason: `metric '${metric}' has no value: output '${output}' of sample ${failed} holds NaN or an infinite value.`,
        }))
      const measurements = tallies
        .filter(({ failed }) => failed < 0)
        .map(({ tally }) => ({ ...tally.measurement(), ...(same && { same }) }))
      const finite = measurements.filter(({ value }) => Number.isFinite(value))
      const infinite = measurements
        .filter(({ value }) => !Number.isFinite(value))
        .map(({ metric, value }) => ({ metric, reason: `metric '${metric}' has no value: it comes out as ${value}.` }))
      return {
        metrics: Object.fromEntries(finite.map(({ metric, value }) => [metric, value])),
        measurements: finite,
        unmeasured: [...unmeasured, ...infinite],
      }
    },
  }
}

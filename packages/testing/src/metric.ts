import { valueFrom } from '@pare/gate'
import { aggregateOf, type Metric, type MetricSample, readableSample, startTally } from '@pare/metric'
import { describe, expect, test } from 'vitest'
import { samplesFor } from './metric-samples.js'

export interface MetricTestOptions {
  /** Samples of the kind that the metric needs, at least 8, no two alike. Default: made up, of that kind */
  readonly samples?: readonly MetricSample[]
  /** The value for samples, worked out at once. Default: it is not compared */
  readonly value?: (samples: readonly MetricSample[]) => number
  /** The same sample with NaN where the model put out a number. Default: NaN in its first row, and none of texts and boxes. Undefined: the metric sees no numbers. */
  readonly broken?: ((sample: MetricSample) => MetricSample) | undefined
}

/** The laws every metric obeys. `make` is called for each test, so that hidden state would show. */
export function testMetric(make: () => Metric, options: MetricTestOptions = {}): void {
  const { needs } = make()
  const { samples = samplesFor(needs), value, broken = withNaN } = options
  const seesNumbers = 'broken' in options ? options.broken !== undefined : needs.read !== 'text' && needs.read !== 'boxes'
  const measured = (some: readonly MetricSample[]) => metricValue(make(), some)

  describe(`metric ${make().name}`, () => {
    test('has a name that can be typed, and a formula', () => {
      expect(make().name).toMatch(/^[a-z][a-z0-9-]*$/)
      expect(make().formula.length).toBeGreaterThan(5)
    })

    test('has a finite value, between 0 and 1 if it says so', () => {
      const own = measured(samples)
      expect(Number.isFinite(own)).toBe(true)
      if (!make().bounded) return
      expect(own).toBeGreaterThanOrEqual(0)
      expect(own).toBeLessThanOrEqual(1 + 1e-12)
    })

    test.skipIf(value === undefined)('is what it is worked out to be for all samples at once', () => {
      expect(measured(samples)).toBeCloseTo(value!(samples), 9)
    })

    test('does not depend on the order of samples', () => {
      expect(measured([...samples].reverse())).toBeCloseTo(measured(samples), 9)
    })

    test('does not change samples, nor remember them', () => {
      const before = structuredClone(samples)
      const metric = make()
      const first = metricValue(metric, samples)
      expect(metricValue(metric, samples)).toBe(first)
      expect(samples).toEqual(before)
    })

    test('a sample that counts several times is as many samples', () => {
      const aggregate = aggregateOf(make().combine)
      if (aggregate === undefined) return
      const weights = samples.map((_, i) => [2, 1, 0, 3][i % 4]!)
      const repeated = samples.flatMap((sample, i) => new Array<MetricSample>(weights[i]!).fill(sample))
      const records = samples.map((sample) => {
        const own = make().of(sample)
        return own === undefined ? [] : typeof own === 'number' ? [own] : own
      })
      expect(aggregate(records, weights)).toBeCloseTo(measured(repeated), 9)
      expect(
        aggregate(
          records,
          samples.map(() => 1),
        ),
      ).toBeCloseTo(measured(samples), 9)
    })

    test('a blind answer has samples of the same kind and number', () => {
      const { samples: own, blind } = tallied(make(), samples).measurement()
      if (blind === undefined) return
      expect(blind.samples.kind).toBe(own.kind)
      expect(lengthOf(blind.samples)).toBe(lengthOf(own))
      expect(Number.isFinite(blind.value)).toBe(true)
    })

    test.skipIf(!seesNumbers)('of a model that puts out NaN it has no value', () => {
      expect(startTally(make()).add(readableSample(broken(samples[0]!)))).toBe(false)
    })
  })
}

/** The value of a metric for these samples, as it is measured. */
export function metricValue(metric: Metric, samples: readonly MetricSample[]): number {
  const { samples: own } = tallied(metric, samples).measurement()
  return valueFrom(own, aggregateOf(metric.combine))
}

function tallied(metric: Metric, samples: readonly MetricSample[]) {
  const tally = startTally(metric)
  for (const sample of samples) expect(tally.add(readableSample(sample))).toBe(true)
  return tally
}

function lengthOf(samples: object): number {
  return (Object.values(samples).find(Array.isArray) as readonly unknown[]).length
}

function withNaN(sample: MetricSample): MetricSample {
  const [first, ...rest] = sample.rows
  const row = Float64Array.from(first!)
  row[0] = Number.NaN
  const answers = Float64Array.from(sample.answers)
  answers[0] = Number.NaN
  return { ...sample, rows: [row, ...rest], answers }
}

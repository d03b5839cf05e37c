import type { Aggregate, Categories, Measurement, PerSample, SampleFacts } from '../measurement.js'
import { valueFrom } from '../value.js'

/** Some of the samples, and what they are called with their metric: 'accuracy where language = de'. */
export interface Part {
  readonly name: string
  readonly samples: readonly number[]
}

/** The measurement of some of its samples. What is known of all of them, as of a blind answer, is not known of these. */
export function subset(measurement: Measurement, { name: metric, samples }: Part, aggregate: Aggregate | undefined): Measurement {
  const { better, bounded } = measurement
  const own = samplesOf(measurement.samples, samples)
  return { metric, better, bounded, value: valueFrom(own, aggregate), samples: own }
}

/** Facts of some of the samples. */
export function factsOf(facts: SampleFacts | undefined, samples: readonly number[]): SampleFacts | undefined {
  if (facts === undefined) return undefined
  return {
    ...(facts.ids && { ids: taken(facts.ids, samples) }),
    ...(facts.group && { group: rowsOf(facts.group, samples) }),
    slices: facts.slices.map((column) => rowsOf(column, samples)),
  }
}

function rowsOf(column: Categories, samples: readonly number[]): Categories {
  return { ...column, of: taken(column.of, samples) }
}

function samplesOf(perSample: PerSample, samples: readonly number[]): PerSample {
  switch (perSample.kind) {
    case 'proportion':
      return { kind: 'proportion', correct: taken(perSample.correct, samples) }
    case 'mean':
      return { kind: 'mean', values: taken(perSample.values, samples) }
    case 'perplexity':
    case 'ratio':
      return { kind: perSample.kind, sums: taken(perSample.sums, samples), counts: taken(perSample.counts, samples) }
    case 'f1':
      return { kind: 'f1', predicted: taken(perSample.predicted, samples), label: taken(perSample.label, samples) }
    case 'records':
      return { kind: 'records', records: taken(perSample.records, samples) }
    default:
      return perSample satisfies never
  }
}

function taken<Value>(values: readonly Value[], samples: readonly number[]): readonly Value[] {
  return samples.map((i) => values[i]!)
}

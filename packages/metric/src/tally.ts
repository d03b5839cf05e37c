import { type Aggregate, type Measurement, type PerSample, valueFrom } from '@pare/gate'
import { aggregateOf, perSampleOf } from './combine.js'
import type { Contribution, Metric, MetricSample, Numbers, Scale } from './contract.js'
import { isDistribution } from './scores.js'

/** How the outputs and labels of a whole data set are to be understood: it shows once all samples are seen. */
export interface Reading {
  readonly scale: Scale
  readonly isMany: boolean
}

/** A sample that can be read in more than one way until all are seen. */
export interface ReadableSample {
  /** Undefined: it cannot be read so. */
  read(reading: Reading): MetricSample | undefined
}

/** A sample whose labels and kind of scores are settled but for logits and probabilities. */
export function readableSample(sample: MetricSample): ReadableSample {
  const rows = [...sample.rows, ...sample.reference]
  return {
    read({ scale, isMany }) {
      if (isMany !== sample.isMany) return undefined
      if (scale === 'probabilities' && !rows.every(isMany ? isBetweenZeroAndOne : isDistribution)) return undefined
      return { ...sample, scale }
    },
  }
}

export function isBetweenZeroAndOne(scores: ArrayLike<number>): boolean {
  for (let i = 0; i < scores.length; i++) if (!(scores[i]! >= 0 && scores[i]! <= 1)) return false
  return true
}

/** In this order: where several fit all samples, the first is taken. */
export const READINGS: readonly Reading[] = [
  { scale: 'probabilities', isMany: false },
  { scale: 'logits', isMany: false },
  { scale: 'probabilities', isMany: true },
  { scale: 'logits', isMany: true },
]

/** Collects one metric over samples that are added in order. */
export interface MetricTally {
  /** False where the sample cannot be judged: the metric then has no value. */
  add(sample: ReadableSample): boolean
  measurement(): Measurement
}

/** Until all samples are seen, each reading that fits them is kept. */
export function startTally(metric: Metric): MetricTally {
  let open = READINGS.map((reading) => ({
    reading,
    contributions: [] as (Contribution | undefined)[],
    blind: metric.blind?.(metric),
  }))
  return {
    add(sample) {
      let holds = false
      open = open.filter(({ reading, contributions, blind }) => {
        const own = sample.read(reading)
        if (own === undefined) return false
        const contribution = own.places === 0 ? undefined : metric.of(own)
        if (!areFinite(contribution)) return true
        holds = true
        contributions.push(contribution)
        blind?.add(unseen(own))
        return true
      })
      // A reading whose scores are not finite here has fewer contributions than the others.
      const most = Math.max(0, ...open.map(({ contributions }) => contributions.length))
      if (holds) open = open.filter(({ contributions }) => contributions.length === most)
      return holds
    },
    measurement() {
      const [first] = open
      if (first === undefined) throw new Error(`metric ${metric.name}: no reading fits all samples`)
      const aggregate = aggregateOf(metric.combine)
      const samples = perSampleOf(metric.combine, first.contributions)
      const { better, bounded } = metric
      const { renumbered, ...blind } = worthOf(first.blind?.answer(), metric, aggregate)
      return {
        ...{ metric: metric.name, value: valueFrom(samples, aggregate), better, bounded, samples },
        ...blind,
        ...(renumbered && { renumbered }),
      }
    },
  }
}

/** The sample without what models make of its input: an answer that ignores the input cannot look at it. Rows keep their number. */
function unseen(sample: MetricSample): MetricSample {
  return { ...sample, rows: sample.rows.map(() => NOTHING), reference: sample.reference.map(() => NOTHING) }
}

const NOTHING: Numbers = new Float64Array()

function areFinite(contribution: Contribution | undefined): boolean {
  if (contribution === undefined) return true
  return typeof contribution === 'number' ? Number.isFinite(contribution) : contribution.every(Number.isFinite)
}

function worthOf(
  answer: ReturnType<NonNullable<ReturnType<NonNullable<Metric['blind']>>>['answer']>,
  { combine }: Metric,
  aggregate: Aggregate | undefined,
): Pick<Measurement, 'blind' | 'renumbered'> {
  if (answer === undefined) return {}
  const samples: PerSample = perSampleOf(combine, answer.contributions)
  const blind = { answer: answer.answer, value: valueFrom(samples, aggregate), samples, cure: answer.cure }
  return { blind, ...(answer.renumbered && { renumbered: answer.renumbered }) }
}

import type { Contribution, Metric, MetricSample, Numbers } from './contract.js'
import { sampleOf } from './sample.js'
import { READINGS, type ReadableSample } from './tally.js'

/**
 * What decides a metric of one sample, as JSON: so many machines can judge a part of the samples each, and one tallies them all. Numbers are kept
 * exactly; one that is not finite is its name.
 */
export interface RecordedSample {
  /** For each way to read the samples: what this one contributes. 'none': it does not count. 'unmeasured': it has no value. null: it cannot be read so. */
  readonly of: readonly (RecordedContribution | null)[]
  /** What an answer that ignores the input looks at, with one label and with many; without one only how many places there are. */
  readonly seen: readonly (SeenSample | null)[]
}

type RecordedContribution = Contribution | 'none' | 'unmeasured'

type RecordedNumbers = readonly (number | string)[]

/** A sample without what a model makes of its input. */
interface SeenSample {
  readonly places: number
  readonly rows?: number | undefined
  readonly reference?: number | undefined
  readonly classes?: number | undefined
  readonly isSingle?: boolean | undefined
  readonly label?: RecordedNumbers | undefined
  readonly answers?: RecordedNumbers | undefined
  readonly referenceAnswers?: RecordedNumbers | undefined
  /** A number: that many places, in order. */
  readonly at?: RecordedNumbers | number | undefined
  readonly shape?: readonly number[] | undefined
  readonly tokens?: RecordedNumbers | undefined
  readonly scored?: RecordedNumbers | undefined
  readonly expected?: readonly string[] | undefined
}

/** Records the samples of one metric in order. */
export interface SampleRecorder {
  record(sample: ReadableSample): RecordedSample
}

/** A way to read that does not fit one sample fits none, so it is not tried again. */
export function startRecorder(metric: Metric): SampleRecorder {
  const isOpen = READINGS.map(() => true)
  return {
    record(sample) {
      const read = READINGS.map((reading, i) => (isOpen[i] ? sample.read(reading) : undefined))
      for (const [i, own] of read.entries()) isOpen[i] &&= own !== undefined
      const seenAs = (isMany: boolean) => read.find((own, i) => own !== undefined && READINGS[i]!.isMany === isMany)
      return {
        of: read.map((own) => (own === undefined ? null : contributionOf(metric, own))),
        seen: [seenAs(false), seenAs(true)]
          .map((own) => own && seenOf(own, metric.blind !== undefined))
          .map((own) => own ?? null),
      }
    },
  }
}

function contributionOf(metric: Metric, sample: MetricSample): RecordedContribution {
  const contribution = sample.places === 0 ? undefined : metric.of(sample)
  if (contribution === undefined) return 'none'
  const numbers = typeof contribution === 'number' ? [contribution] : contribution
  return numbers.every(Number.isFinite) ? contribution : 'unmeasured'
}

function seenOf(sample: MetricSample, isLookedAt: boolean): SeenSample {
  const { places, rows, reference, classes, isSingle, label, answers, referenceAnswers, at, shape, tokens, scored, text } = sample
  if (!isLookedAt) return { places }
  return {
    ...{ places, rows: rows.length, classes, isSingle, shape },
    ...(reference.length > 0 && { reference: reference.length, referenceAnswers: recorded(referenceAnswers) }),
    ...{ label: recorded(label), answers: recorded(answers) },
    at: Array.from(at).every((place, i) => place === i) ? at.length : recorded(at),
    ...(tokens && { tokens: recorded(tokens) }),
    ...(scored && { scored: recorded(scored) }),
    ...(text && { expected: text.expected }),
  }
}

function recorded(numbers: ArrayLike<number>): RecordedNumbers {
  return Array.from(numbers, (number) => (Number.isFinite(number) ? number : String(number)))
}

/** Gives recorded samples back as a tally takes them. */
export interface Replay {
  /** The metric, to be tallied instead: of samples that were recorded it gives what they contributed. */
  readonly metric: Metric
  readable(recording: RecordedSample): ReadableSample
}

export function replayOf(metric: Metric): Replay {
  const contributions = new WeakMap<MetricSample, Contribution | undefined>()
  const { of } = metric
  return {
    metric: { ...metric, of: (sample) => (contributions.has(sample) ? contributions.get(sample) : of.call(metric, sample)) },
    readable: (recording) => ({
      read(reading) {
        const at = READINGS.findIndex(({ scale, isMany }) => scale === reading.scale && isMany === reading.isMany)
        const own = recording.of[at]
        const seen = recording.seen[Number(reading.isMany)]
        if (own === null || own === undefined || seen === null || seen === undefined) return undefined
        const sample: MetricSample = { ...restored(seen), ...reading }
        contributions.set(sample, own === 'none' ? undefined : own === 'unmeasured' ? Number.NaN : own)
        return sample
      },
    }),
  }
}

function restored(seen: SeenSample): MetricSample {
  const { places, rows = 0, reference = 0, classes = 0, isSingle = false, shape = [], at = 0, expected } = seen
  return {
    ...sampleOf({ rows: new Array<Numbers>(rows).fill(NOTHING) }),
    ...{ places, classes, isSingle, shape },
    ...{ label: numbers(seen.label), answers: numbers(seen.answers) },
    reference: new Array<Numbers>(reference).fill(NOTHING),
    referenceAnswers: numbers(seen.referenceAnswers),
    at: typeof at === 'number' ? Array.from({ length: at }, (_, i) => i) : numbers(at),
    ...(seen.tokens && { tokens: numbers(seen.tokens) }),
    ...(seen.scored && { scored: numbers(seen.scored) }),
    ...(expected && { text: { answer: '', expected } }),
  }
}

function numbers(values: RecordedNumbers = []): Numbers {
  return Float64Array.from(values, Number)
}

const NOTHING: Numbers = new Float64Array()

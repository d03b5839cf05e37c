import { figure, percent, rough } from '../figure.js'
import type { BeforeAfter, Breach, Limits, PerSample, RelativeLatency } from '../measurement.js'

/** What is known of two models besides their metrics. Undefined: it could not be found. */
export interface ModelFigures {
  /** Needed where it is limited. */
  readonly latency?: RelativeLatency | undefined
  /** Bytes of the files with all that belongs to them. Needed where it is limited. */
  readonly size?: BeforeAfter | undefined
  /** Multiplications of one sample. Needed where they are limited. */
  readonly macs?: BeforeAfter | undefined
  /** The pruned model that came out before, on the branch that a change would be merged into. */
  readonly base?: BaseModel | undefined
}

/** What is known of a model that was pruned before. */
export interface BaseModel {
  /** Of the branch: 'main' */
  readonly name: string
  /** Of the pruned model, by name. */
  readonly metrics: Readonly<Record<string, number>>
  /** What it made of each sample, by metric, in the order of the data. Default: not known */
  readonly samples?: Readonly<Record<string, PerSample>>
  /** Why its metrics cannot be compared with, a sentence. */
  readonly obstacle?: string
}

/** What is limited, and unknown, in sentences. */
export function missingFigures({ maxLatency, maxSize, maxMacs }: Limits, { latency, size, macs }: ModelFigures): string[] {
  return [
    ...(maxLatency !== undefined && latency === undefined ? ['The latency was not measured, and it is limited.'] : []),
    ...(maxSize !== undefined && size === undefined ? ['The sizes of the files are not known, and they are limited.'] : []),
    ...(maxMacs !== undefined && macs === undefined ? ['The multiplications could not be counted, and they are limited.'] : []),
  ]
}

export function modelBreaches(limits: Limits, { latency, size, macs }: ModelFigures): Breach[] {
  return [
    ...latencyBreaches(latency, limits),
    ...shareBreaches('maxSize', limits.maxSize, size, 'the pruned file has', "of the reference's bytes"),
    ...shareBreaches('maxMacs', limits.maxMacs, macs, 'the pruned model has', "of the reference's multiplications"),
  ]
}

/** The interval decides: only a time that is above the limit beyond the noise of the machine, or, with certainty, all that is not below it. */
function latencyBreaches(latency: RelativeLatency | undefined, { maxLatency, certainty }: Limits): Breach[] {
  if (maxLatency === undefined || latency === undefined || latency.identical) return []
  const [low, high] = latency.interval
  const deciding = certainty === undefined ? low : high
  if (deciding <= maxLatency) return []
  const sure = certainty === undefined ? '' : ', and all of the interval must be'
  const message = `${timeText(latency)}; allowed is at most ${figure(maxLatency)}${sure}.`
  return [{ limit: 'maxLatency', metric: 'latency', allowed: maxLatency, measured: latency.value, message }]
}

function shareBreaches(
  limit: 'maxSize' | 'maxMacs',
  allowed: number | undefined,
  sides: BeforeAfter | undefined,
  subject: string,
  whole: string,
): Breach[] {
  if (allowed === undefined || sides === undefined) return []
  const measured = sides.after / sides.before
  if (measured <= allowed) return []
  const message = `${subject} ${figure(measured)} ${whole}; allowed is at most ${figure(allowed)}.`
  return [{ limit, metric: limit === 'maxSize' ? 'bytes' : 'macs', allowed, measured, message }]
}

function timeText(latency: RelativeLatency): string {
  const [low, high] = latency.interval
  return `a run takes ${figure(latency.value, 3)} times as long as the reference's (95 % interval ${figure(low, 3)} to ${figure(high, 3)})`
}

/** What an unbroken limit of the latency leaves open: that both files are one, or that the limit is within the noise of the machine. */
export function latencyDoubts({ latency }: ModelFigures, { maxLatency }: Limits): string[] {
  if (latency === undefined || maxLatency === undefined) return []
  if (latency.identical) return ['Both files are the same, byte for byte, so a run takes as long with both.']
  const [low, high] = latency.interval
  if (low > maxLatency || high <= maxLatency) return []
  const noise = Math.max(high / latency.value, latency.value / low) - 1
  const time = latency.seconds === undefined ? '' : ` in ${rough(latency.seconds)} s`
  const text = timeText(latency)
  return [
    `${text.charAt(0).toUpperCase()}${text.slice(1)}, and the limit of ${figure(maxLatency)} is within that: this machine resolves ${percent(Number(noise.toPrecision(2)))}${time}.`,
  ]
}

import { type Bounds, ratioBounds } from './bootstrap.js'
import { f1Bounds } from './f1.js'
import type { Drop, Measurement, PerSample } from './measurement.js'
import { obstacles, sampleCount } from './obstacles.js'
import { type DiscordantCounts, mcnemar, proportionInterval, tally } from './proportion.js'

/** A drop whose interval can be asked for at any level. */
export interface Comparison extends Drop {
  readonly samples: number
  readonly reference: number
  readonly pruned: number
  readonly better: Measurement['better']
  readonly bounds: Bounds
  /** Proportions only. */
  readonly tally?: DiscordantCounts
}

type Paired = Pick<Comparison, 'value' | 'bounds' | 'method' | 'mcnemar' | 'tally'>

/**
 * The drop from reference to pruned with its 95 % interval, paired over samples.
 *
 * @throws RangeError where the two cannot be compared: other metric, other samples, none, or NaN. `judge` calls that incomplete.
 */
export function drop(reference: Measurement, pruned: Measurement): Drop {
  return dropOf(compare(reference, pruned))
}

/** Like `drop`, with what the verdict needs besides. */
export function compare(reference: Measurement, pruned: Measurement): Comparison {
  const [obstacle] = obstacles(reference, pruned)
  if (obstacle !== undefined) throw new RangeError(`gate: ${obstacle}`)
  const paired = pair(reference, pruned)
  return {
    metric: reference.metric,
    samples: sampleCount(reference.samples),
    reference: reference.value,
    pruned: pruned.value,
    better: reference.better,
    ...(reference.value !== 0 && { relative: paired.value / Math.abs(reference.value) }),
    interval: paired.bounds(0.95),
    ...paired,
  }
}

/** The part of a comparison that is kept. */
export function dropOf({ metric, value, relative, interval, method, mcnemar }: Comparison): Drop {
  return { metric, value, ...(relative !== undefined && { relative }), interval, method, ...(mcnemar && { mcnemar }) }
}

function pair(reference: Measurement, pruned: Measurement): Paired {
  const [before, after] = [reference.samples, pruned.samples]
  if (before.kind === 'proportion' && after.kind === 'proportion') return pairProportions(before.correct, after.correct)
  if (before.kind === 'mean' && after.kind === 'mean') return pairMeans(before.values, after.values, reference.better)
  if (before.kind === 'perplexity' && after.kind === 'perplexity') return pairPerplexities(reference.value, before, after)
  if (before.kind === 'ratio' && after.kind === 'ratio') return pairRatios(before, after, reference.better)
  if (before.kind === 'f1' && after.kind === 'f1') return pairF1(before, after)
  throw new RangeError(`gate: ${before.kind} and ${after.kind} samples cannot be compared`)
}

function pairProportions(before: readonly number[], after: readonly number[]): Paired {
  const sides = tally(before, after)
  // Of counts, not of the two values: 1968 − 1958 of 2000 is 0.005 exactly, 0.984 − 0.979 is a little more.
  const value = (sides.lost - sides.gained) / sides.n
  return { value, bounds: (level) => proportionInterval(sides, level), method: 'exact', mcnemar: mcnemar(sides), tally: sides }
}

function pairMeans(before: readonly number[], after: readonly number[], better: Measurement['better']): Paired {
  const sign = better === 'higher' ? -1 : 1
  const worsening = Float64Array.from(before, (value, i) => sign * (after[i]! - value))
  const value = worsening.reduce((total, one) => total + one, 0) / worsening.length
  return { value, bounds: ratioBounds(worsening, new Float64Array(worsening.length).fill(1)), method: 'bootstrap' }
}

type Ratio = Extract<PerSample, { kind: 'ratio' }>

function pairRatios(before: Ratio, after: Ratio, better: Measurement['better']): Paired {
  const sign = better === 'higher' ? -1 : 1
  const worsening = Float64Array.from(before.sums, (sum, i) => sign * (after.sums[i]! - sum))
  const weights = Float64Array.from(before.counts)
  const value = worsening.reduce((total, one) => total + one, 0) / weights.reduce((total, one) => total + one, 0)
  return { value, bounds: ratioBounds(worsening, weights), method: 'bootstrap' }
}

type Perplexity = Extract<PerSample, { kind: 'perplexity' }>

function pairPerplexities(reference: number, before: Perplexity, after: Perplexity): Paired {
  const worsening = Float64Array.from(before.sums, (sum, i) => after.sums[i]! - sum)
  const weights = Float64Array.from(before.counts)
  // exp(after) − exp(before) = exp(before) · (exp(after − before) − 1): the interval is made in nats per token, where samples add up.
  const perplexity = (nats: number) => reference * Math.expm1(nats)
  const nats = ratioBounds(worsening, weights)
  const value = perplexity(worsening.reduce((total, one) => total + one, 0) / weights.reduce((total, one) => total + one, 0))
  return { value, bounds: (level) => nats(level).map(perplexity) as [number, number], method: 'bootstrap' }
}

type F1 = Extract<PerSample, { kind: 'f1' }>

function pairF1({ label, predicted }: F1, after: F1): Paired {
  const right = (answers: readonly number[]) => answers.map((answer, i) => Number(answer === label[i]))
  const { drop: value, bounds } = f1Bounds(label, predicted, after.predicted)
  return { value, bounds, method: 'bootstrap', mcnemar: mcnemar(tally(right(predicted), right(after.predicted))) }
}

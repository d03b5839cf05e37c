import { clusteredF1Bounds, f1Bounds } from './f1.js'
import { type Grouping, groupingOf, membersOf, totals } from './groups.js'
import type { Aggregate, Drop, McNemar, Measurement, PerSample, SampleFacts } from './measurement.js'
import { obstacles, sampleCount } from './obstacles.js'
import { influence, jackknifeRecords, type RecordPair, recordBounds, resampleRecords } from './records.js'
import { type Bounds, fewGroups, groupedRatioBounds, ratioBounds, resamples } from './statistics/bootstrap.js'
import { clusteredInterval, sharesInterval, tallyGroups } from './statistics/clustered.js'
import { clopperPearson, type DiscordantCounts, mcnemar, proportionInterval, tally } from './statistics/proportion.js'

/** A drop whose interval can be asked for at any level. */
export interface Comparison extends Drop {
  readonly samples: number
  readonly reference: number
  readonly pruned: number
  readonly better: Measurement['better']
  readonly bounds: Bounds
  /** Proportions only. */
  readonly tally?: DiscordantCounts
  /** Samples that belong together. */
  readonly grouping?: Grouping
  /** The smallest tail that the bounds tell apart: 0 where they are exact. */
  readonly finest: number
}

/** What a comparison needs to know besides two measurements. */
export interface ComparisonContext {
  /** Default: each sample stands alone */
  readonly facts?: Pick<SampleFacts, 'group'> | undefined
  /** Makes a value of records. */
  readonly aggregate?: Aggregate | undefined
}

type Paired = Pick<Comparison, 'value' | 'bounds' | 'method' | 'mcnemar' | 'tally' | 'finest'>

/** Two measurements of one kind, to be compared. */
interface Pair<Kind extends PerSample['kind']> {
  readonly before: Extract<PerSample, { kind: Kind }>
  readonly after: Extract<PerSample, { kind: Kind }>
  readonly reference: Measurement
  readonly pruned: Measurement
  readonly grouping: Grouping | undefined
  readonly aggregate: Aggregate | undefined
}

/**
 * The drop from reference to pruned with its 95 % interval, paired over samples, or over the groups of samples that belong together.
 *
 * @throws RangeError where the two cannot be compared: other metric, other samples, none, or NaN. `judge` calls that incomplete.
 */
export function drop(reference: Measurement, pruned: Measurement, context: ComparisonContext = {}): Drop {
  return dropOf(compare(reference, pruned, context))
}

/** Like `drop`, with what the verdict needs besides. */
export function compare(reference: Measurement, pruned: Measurement, context: ComparisonContext = {}): Comparison {
  const [obstacle] = obstacles(reference, pruned, context)
  if (obstacle !== undefined) throw new RangeError(`gate: ${obstacle}`)
  const grouping = groupingOf(context.facts?.group)
  const paired = pair(reference, pruned, { grouping, aggregate: context.aggregate })
  return {
    metric: reference.metric,
    samples: sampleCount(reference.samples),
    reference: reference.value,
    pruned: pruned.value,
    better: reference.better,
    ...(reference.value !== 0 && { relative: paired.value / Math.abs(reference.value) }),
    interval: paired.bounds(0.95),
    ...(grouping && { grouping, groups: { by: grouping.by, count: grouping.sizes.length } }),
    ...paired,
  }
}

/** The part of a comparison that is kept. */
export function dropOf({ metric, value, relative, interval, method, mcnemar, groups }: Comparison): Drop {
  return {
    metric,
    value,
    ...(relative !== undefined && { relative }),
    interval,
    method,
    ...(mcnemar && { mcnemar }),
    ...(groups && { groups }),
  }
}

function pair(reference: Measurement, pruned: Measurement, context: Pick<Pair<'f1'>, 'grouping' | 'aggregate'>): Paired {
  const [before, after] = [reference.samples, pruned.samples]
  const both = { reference, pruned, ...context }
  if (before.kind === 'proportion' && after.kind === 'proportion') return pairProportions({ before, after, ...both })
  if (before.kind === 'mean' && after.kind === 'mean') return pairMeans({ before, after, ...both })
  if (before.kind === 'perplexity' && after.kind === 'perplexity') return pairPerplexities({ before, after, ...both })
  if (before.kind === 'ratio' && after.kind === 'ratio') return pairRatios({ before, after, ...both })
  if (before.kind === 'f1' && after.kind === 'f1') return pairF1({ before, after, ...both })
  if (before.kind === 'records' && after.kind === 'records') return pairRecords({ before, after, ...both })
  throw new RangeError(`gate: ${before.kind} and ${after.kind} samples cannot be compared`)
}

function pairProportions({ before, after, grouping }: Pair<'proportion'>): Paired {
  const sides = tally(before.correct, after.correct)
  // Of counts, not of the two values: 1968 − 1958 of 2000 is 0.005 exactly, 0.984 − 0.979 is a little more.
  const value = (sides.lost - sides.gained) / sides.n
  const common = { value, tally: sides, finest: 0, mcnemar: mcnemarOf(before.correct, after.correct, grouping) }
  if (grouping === undefined) return { ...common, bounds: (level) => proportionInterval(sides, level), method: 'exact' }
  const groups = tallyGroups(before.correct, after.correct, grouping)
  return { ...common, bounds: (level) => clusteredInterval(groups, level), method: 'exact' }
}

/** Over groups it is the sign test of which groups lost more samples than they gained: each group is one toss. */
function mcnemarOf(before: readonly number[], after: readonly number[], grouping: Grouping | undefined): McNemar {
  const sides = tally(before, after)
  if (grouping === undefined) return mcnemar(sides)
  const { lost, gained } = tallyGroups(before, after, grouping)
  const count = (sign: number) => lost.reduce((total, one, g) => total + Number(sign * (one - gained[g]!) > 0), 0)
  const groups = { lost: count(1), gained: count(-1) }
  return { lost: sides.lost, gained: sides.gained, p: mcnemar({ ...groups, n: lost.length }).p, groups }
}

function pairMeans({ before, after, reference, grouping }: Pair<'mean'>): Paired {
  const sign = reference.better === 'higher' ? -1 : 1
  const worsening = Float64Array.from(before.values, (value, i) => sign * (after.values[i]! - value))
  const ratio = pairSums(worsening, new Float64Array(worsening.length).fill(1), grouping)
  return reference.bounded ? withFloor(withShares(ratio, worsening, grouping)) : paired(ratio)
}

function pairRatios({ before, after, reference, grouping }: Pair<'ratio'>): Paired {
  const sign = reference.better === 'higher' ? -1 : 1
  const worsening = Float64Array.from(before.sums, (sum, i) => sign * (after.sums[i]! - sum))
  const ratio = pairSums(worsening, Float64Array.from(before.counts), grouping)
  return withFloor(reference.bounded ? withShares(ratio, worsening, grouping) : ratio)
}

function pairPerplexities({ before, after, reference, grouping }: Pair<'perplexity'>): Paired {
  const worsening = Float64Array.from(before.sums, (sum, i) => after.sums[i]! - sum)
  const nats = pairSums(worsening, Float64Array.from(before.counts), grouping)
  // exp(after) − exp(before) = exp(before) · (exp(after − before) − 1): the interval is made in nats per token, where samples add up.
  const perplexity = (one: number) => reference.value * Math.expm1(one)
  return paired({
    ...nats,
    value: perplexity(nats.value),
    bounds: (level) => nats.bounds(level).map(perplexity) as [number, number],
  })
}

/** What adds up over samples, or over groups. */
interface Sums {
  readonly worsening: Float64Array
  readonly weights: Float64Array
  readonly value: number
  readonly bounds: Bounds
}

function pairSums(worsening: Float64Array, weights: Float64Array, grouping: Grouping | undefined): Sums {
  const value = sum(worsening) / sum(weights)
  if (grouping === undefined) return { worsening, weights, value, bounds: ratioBounds(worsening, weights) }
  const groups = { of: grouping.of, count: grouping.sizes.length }
  const [ofGroups, weightsOfGroups] = [totals(worsening, groups), totals(weights, groups)]
  return {
    worsening: ofGroups,
    weights: weightsOfGroups,
    value,
    bounds: groupedRatioBounds(ofGroups, weightsOfGroups, grouping.effective),
  }
}

/**
 * Of what lies between 0 and 1, and belongs together in groups: the interval reaches at least as far as that of lost and gained shares. Where few groups lose
 * much and most lose nothing, resamples of them do not show it.
 */
function withShares(sums: Sums, worsening: Float64Array, grouping: Grouping | undefined): Sums {
  if (grouping === undefined) return sums
  const groups = { of: grouping.of, count: grouping.sizes.length }
  const [lost, gained] = [1, -1].map((sign) =>
    totals(
      worsening.map((one) => Math.max(0, sign * one)),
      groups,
    ),
  )
  const shares = { lost: lost!, gained: gained!, weights: sums.weights }
  const bounds: Bounds = (level) => {
    const [[low, high], [least, most]] = [sums.bounds(level), sharesInterval(shares, level)]
    return [Math.max(-1, Math.min(low, least)), Math.min(1, Math.max(high, most))]
  }
  return { ...sums, bounds }
}

function paired({ value, bounds, worsening }: Sums): Paired {
  return { value, bounds, method: 'bootstrap', finest: finestOf(worsening.length) }
}

/** Where fewer samples, or groups, than this differ, resamples of them say too little of what was not seen. */
const FEW = 12

/**
 * Of what comes in whole pieces, as wrong words do, and in few samples: the interval reaches at least as far as the exact limits of the shares of samples that got
 * worse and better, times the largest change that was seen; where none was, times 1, a sample that is all wrong.
 */
function withFloor(sums: Sums): Paired {
  const { worsening, weights, value } = sums
  const n = worsening.length
  const [lost, gained] = [1, -1].map((sign) => worsening.reduce((total, one) => total + Number(sign * one > 0), 0))
  if (lost! + gained! >= FEW) return paired(sums)
  const mean = sum(weights) / n
  const largest = worsening.reduce((most, one) => Math.max(most, Math.abs(one) / mean), 0) || 1
  const bounds: Bounds = (level) => {
    const [low, high] = sums.bounds(level)
    const [least, most] = proportionInterval({ lost: lost!, gained: gained!, n }, level)
    return [Math.min(low, value, least * largest), Math.max(high, value, most * largest)]
  }
  return paired({ ...sums, bounds })
}

function pairF1({ before, after, grouping }: Pair<'f1'>): Paired {
  const { label, predicted } = before
  const right = (answers: readonly number[]) => answers.map((answer, i) => Number(answer === label[i]))
  const { drop: value, bounds } =
    grouping === undefined
      ? f1Bounds(label, predicted, after.predicted)
      : clusteredF1Bounds(label, predicted, after.predicted, grouping)
  const test = mcnemarOf(right(predicted), right(after.predicted), grouping)
  return { value, bounds, method: 'bootstrap', finest: finestOf(label.length), mcnemar: test }
}

function pairRecords({ before, after, reference, grouping, aggregate }: Pair<'records'>): Paired {
  if (aggregate === undefined) throw new RangeError(`gate: of the records of ${reference.metric} no aggregate is there`)
  const members = grouping ? membersOf(grouping) : before.records.map((_, i) => Int32Array.of(i))
  const records: RecordPair = {
    before: before.records,
    after: after.records,
    aggregate,
    sign: reference.better === 'higher' ? -1 : 1,
  }
  const resampled = resampleRecords(records, members)
  const effective = grouping?.effective ?? members.length
  const bounds = recordBounds(resampled, {
    inflation: fewGroups(effective),
    floor: floorOf(records, members, reference.bounded),
    least: jackknifeRecords(records, members, effective),
  })
  return { value: resampled.drop, bounds, method: 'bootstrap', finest: 1 / (resampled.drops.length + 1) }
}

/** How far the interval reaches at least: none where many groups differ. */
function floorOf(records: RecordPair, members: readonly Int32Array[], isBounded: boolean): (level: number) => number {
  const { before, after } = records
  const differs = (i: number) => before[i]!.some((one, k) => one !== after[i]![k]) || before[i]!.length !== after[i]!.length
  const count = members.length
  const differing = members.reduce((total, own) => total + Number(own.some(differs)), 0)
  if (differing >= FEW) return () => 0
  const most = Math.max(influence(records, members), isBounded ? 1 / count : 0)
  return (level) => (clopperPearson(differing, count, level)[1] * count - differing) * most
}

function finestOf(n: number): number {
  return 1 / (resamples(n) + 1)
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}

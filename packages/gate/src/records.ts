import type { Aggregate, SampleRecord } from './measurement.js'
import { type Bounds, outer, quantile, random } from './statistics/bootstrap.js'
import { blocksOf, jackknife } from './statistics/jackknife.js'

/** Records of two models over the same samples, and what makes a value of them. */
export interface RecordPair {
  readonly before: readonly SampleRecord[]
  readonly after: readonly SampleRecord[]
  readonly aggregate: Aggregate
  /** −1 where a higher value is better. */
  readonly sign: 1 | -1
}

/** Samples that are drawn together; each alone where nothing belongs together. */
type Members = readonly Int32Array[]

export interface BootstrapDrops {
  readonly drop: number
  /** Ascending. */
  readonly drops: Float64Array
}

/** The drop, and the drops of resamples in which groups are drawn with replacement. A resample without a value (a class is missing) is left out. */
export function resampleRecords(records: RecordPair, members: Members, seed = 1): BootstrapDrops {
  const dropOf = dropOver(records)
  const n = records.before.length
  const drops = new Float64Array(recordResamples(n))
  const weights = new Float64Array(n)
  const next = random(seed)
  let count = 0
  for (let b = 0; b < drops.length; b++) {
    weights.fill(0)
    for (let g = 0; g < members.length; g++) for (const i of members[Math.floor(next() * members.length)]!) weights[i]!++
    const one = dropOf(weights)
    if (Number.isFinite(one)) drops[count++] = one
  }
  return { drop: dropOf(weights.fill(1)), drops: drops.subarray(0, count).sort() }
}

/** The drop where each sample weighs as much. */
function dropOver({ before, after, aggregate, sign }: RecordPair): (weights: Float64Array) => number {
  const [reference, pruned] = [distinct(before), distinct(after)]
  const value = (records: Distinct, weights: Float64Array) => aggregate(records.all, records.weights(weights))
  return (weights) => sign * (value(pruned, weights) - value(reference, weights))
}

/** Interval of the drop by the jackknife over groups. Without a group that alone has a class there is no drop: that one is counted twice instead, and moves the drop the other way. */
export function jackknifeRecords(records: RecordPair, members: Members, effective: number): Bounds {
  const dropOf = dropOver(records)
  const weights = new Float64Array(records.before.length).fill(1)
  const value = dropOf(weights)
  const without = Float64Array.from(blocksOf(members), (block) => {
    for (const i of block) weights[i] = 0
    const left = dropOf(weights)
    for (const i of block) weights[i] = 2
    const one = Number.isFinite(left) ? left : 2 * value - dropOf(weights)
    for (const i of block) weights[i] = 1
    return one
  })
  return jackknife(value, without, effective).bounds
}

/**
 * Interval of the drop of a metric that only its aggregate knows, by the percentile bootstrap over groups, widened by `inflation` for few groups. It reaches at least as far as `least`, the jackknife's:
 * the percentile bootstrap does not see that samples in which the drop comes out small show too little of how it varies.
 * Where few groups differ, resamples of them say little of what was not seen: there the interval reaches at least as far as the exact limit of the share of groups that
 * differ, times the most that one group moves the value.
 */
export function recordBounds({ drop, drops }: BootstrapDrops, { inflation, floor, least }: RecordReach): Bounds {
  return (level) => {
    const tail = (1 - level) / 2
    const wide = inflation(tail)
    const reach = floor(level)
    const resampled: [number, number] = [
      drop + (quantile(drops, tail) - drop) * wide,
      drop + (quantile(drops, 1 - tail) - drop) * wide,
    ]
    return outer(outer(resampled, least(level)), [drop - reach, drop + reach])
  }
}

/** How far the interval of a drop reaches besides its resamples. */
interface RecordReach {
  readonly inflation: (tail: number) => number
  readonly floor: (level: number) => number
  /** What the interval holds in any case. */
  readonly least: Bounds
}

/** The most that the value moved when one group of many answered as another did: of as many trials as are told apart from none. */
export function influence({ before, aggregate, sign }: RecordPair, members: Members, seed = 2): number {
  const all = distinct(before)
  const weights = new Float64Array(before.length).fill(1)
  const value = () => sign * aggregate(all.all, all.weights(weights))
  const own = value()
  const next = random(seed)
  let most = 0
  for (let trial = 0; trial < SWAPS; trial++) {
    const [out, into] = [members[Math.floor(next() * members.length)]!, members[Math.floor(next() * members.length)]!]
    for (const i of out) weights[i]!--
    for (const i of into) weights[i]!++
    const moved = Math.abs(value() - own)
    if (moved > most) most = moved
    for (const i of out) weights[i]!++
    for (const i of into) weights[i]!--
  }
  return most
}

const SWAPS = 99

/** How many resamples are drawn of n records, each of which costs two aggregates. */
function recordResamples(n: number): number {
  return Math.max(199, Math.min(999, Math.floor(2e6 / n)))
}

/** Records without repetition: an aggregate of counts by class has few, however many samples there are. */
interface Distinct {
  readonly all: readonly SampleRecord[]
  /** Of these, from weights of samples. */
  weights(samples: Float64Array): Float64Array
}

function distinct(records: readonly SampleRecord[]): Distinct {
  const numbers = new Map<string, number>()
  const all: SampleRecord[] = []
  const of = Int32Array.from(records, (record) => {
    const key = record.join()
    const number = numbers.get(key) ?? all.length
    if (number === all.length) {
      numbers.set(key, number)
      all.push(record)
    }
    return number
  })
  const sums = new Float64Array(all.length)
  return {
    all,
    weights(samples) {
      sums.fill(0)
      for (let i = 0; i < of.length; i++) sums[of[i]!]! += samples[i]!
      return sums
    },
  }
}

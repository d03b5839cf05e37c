import type { Aggregate, SampleRecord } from '@pare/gate'
import { chancesOf, type MetricSample, meanOf, probabilitiesOf } from '@pare/metric'

/** How well scores put what belongs to a class before what does not. */
export type RankingValue = (steps: RankingSteps) => number

/** What weighs of each score, highest first: samples that have it and belong to the class, and others that have it. */
export interface RankingSteps {
  readonly positives: Float64Array
  readonly negatives: Float64Array
}

/** Marks a record with several labels at once: their 0 and 1, then as many chances. Others have the label, then a probability for each class. */
const MANY = -1

export function rankingRecord(sample: MetricSample): number[] {
  const { rows, scale, label, isMany } = sample
  if (isMany) return [MANY, ...label, ...chancesOf(rows[0]!, scale)]
  return [label[0]!, ...probabilitiesOf(rows[0]!, scale)]
}

/** What is kept of rankings for the next weights of the same records: as many samples times classes, five bytes each. */
const MOST_KEPT = 2 ** 24

/**
 * Of two classes the value for the second; of more the mean over classes, each against the rest; of several labels the mean over those that occur. Resamples weigh the same records
 * again and again: those are sorted once, as long as it takes little memory.
 */
export function overRankings(value: RankingValue): Aggregate {
  const kept = new WeakMap<readonly SampleRecord[], readonly Ranking[]>()
  return (records, weights) => {
    const [first] = records.filter(({ length }) => length > 0)
    if (first === undefined) return Number.NaN
    const isMany = first[0] === MANY
    const classes = isMany ? (first.length - 1) / 2 : first.length - 1
    const counted = classes === 2 && !isMany ? [1] : Array.from({ length: classes }, (_, one) => one)
    const ranking = (one: number) => rankingOf(records, one, { isMany, classes })
    const isSmall = counted.length * records.length <= MOST_KEPT
    if (isSmall && !kept.has(records)) kept.set(records, counted.map(ranking))
    const values = counted.map((one, at) => value(stepsOf(kept.get(records)?.[at] ?? ranking(one), weights)))
    // A class without a label, or with nothing else, has no ranking.
    return values.length === 1 ? values[0]! : meanOf(values.filter((own) => !Number.isNaN(own)))
  }
}

/** Records by their score for a class, highest first. */
interface Ranking {
  /** Of the records. */
  readonly order: Uint32Array
  /** By place in the order: 1 where the record belongs to the class. */
  readonly positive: Uint8Array
  /** By place in the order: 1 where a score begins that is not the one before. */
  readonly begins: Uint8Array
}

function rankingOf(
  records: readonly SampleRecord[],
  one: number,
  { isMany, classes }: { readonly isMany: boolean; readonly classes: number },
): Ranking {
  const scoreAt = isMany ? 1 + classes + one : 1 + one
  const scoreOf = (i: number) => records[i]![scoreAt]!
  const counted = Array.from(records.keys()).filter((i) => records[i]!.length > 0)
  const order = Uint32Array.from(counted).sort((a, b) => scoreOf(b) - scoreOf(a))
  return {
    order,
    positive: Uint8Array.from(order, (i) => Number(isMany ? records[i]![1 + one] === 1 : records[i]![0] === one)),
    begins: Uint8Array.from(order, (i, at) => Number(at === 0 || scoreOf(i) !== scoreOf(order[at - 1]!))),
  }
}

/** Scores of which nothing weighs have no step. */
function stepsOf({ order, positive, begins }: Ranking, weights: ArrayLike<number> | undefined): RankingSteps {
  const [positives, negatives] = [new Float64Array(order.length), new Float64Array(order.length)]
  let last = -1
  let isOpen = false
  for (let at = 0; at < order.length; at++) {
    if (begins[at] === 1) isOpen = false
    const weight = weights === undefined ? 1 : weights[order[at]!]!
    if (weight === 0) continue
    if (!isOpen) last++
    isOpen = true
    if (positive[at] === 1) positives[last]! += weight
    else negatives[last]! += weight
  }
  return { positives: positives.subarray(0, last + 1), negatives: negatives.subarray(0, last + 1) }
}

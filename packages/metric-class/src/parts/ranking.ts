import type { Aggregate, SampleRecord } from '@pare/gate'
import { chancesOf, type MetricSample, meanOf, probabilitiesOf } from '@pare/metric'

/** How well scores put what belongs to a class before what does not: samples with their scores, highest first. */
export type RankingValue = (steps: readonly RankingStep[]) => number

/** Samples with the same score. */
export interface RankingStep {
  readonly positives: number
  readonly negatives: number
}

/** Marks a record with several labels at once: their 0 and 1, then as many chances. Others have the label, then a probability for each class. */
const MANY = -1

export function rankingRecord(sample: MetricSample): number[] {
  const { rows, scale, label, isMany } = sample
  if (isMany) return [MANY, ...label, ...chancesOf(rows[0]!, scale)]
  return [label[0]!, ...probabilitiesOf(rows[0]!, scale)]
}

/** Of two classes the value for the second; of more the mean over classes, each against the rest; of several labels the mean over those that occur. */
export function overRankings(value: RankingValue): Aggregate {
  return (records, weights) => {
    const [first] = records.filter(({ length }) => length > 0)
    if (first === undefined) return Number.NaN
    const isMany = first[0] === MANY
    const classes = isMany ? (first.length - 1) / 2 : first.length - 1
    const ranking = (one: number) => stepsOf(records, weights, one, { isMany, classes })
    if (classes === 2 && !isMany) return value(ranking(1))
    const values = Array.from({ length: classes }, (_, one) => value(ranking(one)))
    // A class without a label, or with nothing else, has no ranking.
    return meanOf(values.filter((own) => !Number.isNaN(own)))
  }
}

function stepsOf(
  records: readonly SampleRecord[],
  weights: ArrayLike<number> | undefined,
  one: number,
  { isMany, classes }: { readonly isMany: boolean; readonly classes: number },
): RankingStep[] {
  const scoreAt = isMany ? 1 + classes + one : 1 + one
  const order = Array.from(records.keys()).filter((i) => records[i]!.length > 0 && weights?.[i] !== 0)
  order.sort((a, b) => records[b]![scoreAt]! - records[a]![scoreAt]!)
  const steps: { positives: number; negatives: number }[] = []
  let last = Number.NaN
  for (const i of order) {
    const record = records[i]!
    const score = record[scoreAt]!
    if (score !== last) steps.push({ positives: 0, negatives: 0 })
    last = score
    const isPositive = isMany ? record[1 + one] === 1 : record[0] === one
    steps.at(-1)![isPositive ? 'positives' : 'negatives'] += weights?.[i] ?? 1
  }
  return steps
}

import type { Aggregate, SampleRecord } from '@pare/gate'
import type { MetricSample } from './contract.js'
import { chosenOf } from './probabilities.js'

/** How a class fared: found where it is (true positives), found where it is not, missed. */
export interface ClassCounts {
  readonly hits: number
  readonly wrong: number
  readonly missed: number
}

/** Numbers of a class in a record: the class, then its counts. */
const WIDTH = 4

/** Counts of each class that occurs in the sample, as a record: class, hits, wrong, missed, and again. NaN where a score is NaN. */
export function countsRecord(sample: MetricSample): number[] {
  const counts = new Map<number, [number, number, number]>()
  const of = (one: number) => {
    const own = counts.get(one) ?? [0, 0, 0]
    counts.set(one, own)
    return own
  }
  if (sample.isMany) {
    const chosen = chosenOf(sample)
    for (let one = 0; one < chosen.length; one++) {
      if (Number.isNaN(chosen[one]!)) return [Number.NaN]
      const own = of(one)
      if (chosen[one] === 1) own[sample.label[one] === 1 ? 0 : 1]++
      else if (sample.label[one] === 1) own[2]++
    }
  } else {
    const { answers, label } = sample
    for (let i = 0; i < answers.length; i++) {
      if (Number.isNaN(answers[i]!)) return [Number.NaN]
      if (answers[i] === label[i]) of(answers[i]!)[0]++
      else {
        of(answers[i]!)[1]++
        of(label[i]!)[2]++
      }
    }
  }
  return [...counts].flatMap(([one, own]) => [one, ...own])
}

/** A value made of the counts of each class that occurs in what samples there are. */
export function overCounts(
  value: (counts: readonly ClassCounts[], byClass: ReadonlyMap<number, ClassCounts>) => number,
): Aggregate {
  return (records, weights) => {
    const byClass = sumCounts(records, weights)
    return value([...byClass.values()], byClass)
  }
}

function sumCounts(records: readonly SampleRecord[], weights?: ArrayLike<number>): ReadonlyMap<number, ClassCounts> {
  const sums = new Map<number, { hits: number; wrong: number; missed: number }>()
  for (let i = 0; i < records.length; i++) {
    const weight = weights === undefined ? 1 : weights[i]!
    if (weight === 0) continue
    const record = pairAsCounts(records[i]!)
    for (let at = 0; at < record.length; at += WIDTH) {
      const own = sums.get(record[at]!) ?? { hits: 0, wrong: 0, missed: 0 }
      sums.set(record[at]!, own)
      own.hits += weight * record[at + 1]!
      own.wrong += weight * record[at + 2]!
      own.missed += weight * record[at + 3]!
    }
  }
  // In the order of classes: sums do not depend on the order of samples.
  return new Map([...sums].sort(([a], [b]) => a - b))
}

/** A record of two numbers is a predicted class and a label. */
function pairAsCounts(record: SampleRecord): SampleRecord {
  if (record.length !== 2) return record
  const [predicted, label] = record as readonly [number, number]
  return predicted === label ? [label, 1, 0, 0] : [predicted, 0, 1, 0, label, 0, 0, 1]
}

/** Mean of what is not empty; 0 of nothing. */
export function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** a ÷ b, 0 where b is 0: a class that is never found has a precision of 0. */
export function ratio(a: number, b: number): number {
  return b === 0 ? 0 : a / b
}

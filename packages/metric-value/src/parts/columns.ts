import type { Aggregate, SampleRecord } from '@pare/gate'
import { defineMetric, type Metric, meanOf } from '@pare/metric'
import { present } from '@pare/onnx'
import { targetOf, VALUE_OPTIONS, valueNeeds } from './against.js'

/** All values at one place of the output, with their targets; a sample counts as often as its weight says. */
export interface ValueColumn {
  readonly outputs: readonly number[]
  readonly targets: readonly number[]
  readonly weights: readonly number[]
}

/** A metric of each place of the output over all samples, and of several places their mean. */
export function columnMetric(
  { blind, ...words }: { readonly name: string; readonly formula: string; readonly blind?: Metric['blind'] },
  value: (column: ValueColumn) => number,
) {
  return defineMetric({
    ...words,
    options: VALUE_OPTIONS,
    create(options) {
      const needs = valueNeeds(options)
      return {
        ...{ needs, better: 'higher', bounded: false },
        of(sample) {
          const target = targetOf(sample, needs)
          return Array.from(sample.rows[0]!).flatMap((own, i) => [sample.at[i]!, own, target[i]!])
        },
        combine: overColumns(value),
        ...(needs.against === 'values' && present({ blind })),
      }
    },
  })
}

function overColumns(value: (column: ValueColumn) => number): Aggregate {
  return (records, weights) => meanOf([...columnsOf(records, weights).values()].map(value))
}

function columnsOf(records: readonly SampleRecord[], weights?: ArrayLike<number>): ReadonlyMap<number, ValueColumn> {
  const columns = new Map<number, { outputs: number[]; targets: number[]; weights: number[] }>()
  for (const [i, record] of records.entries()) {
    const weight = weights?.[i] ?? 1
    if (weight === 0) continue
    for (let at = 0; at < record.length; at += 3) {
      const place = record[at]!
      const column = columns.get(place) ?? { outputs: [], targets: [], weights: [] }
      columns.set(place, column)
      column.outputs.push(record[at + 1]!)
      column.targets.push(record[at + 2]!)
      column.weights.push(weight)
    }
  }
  return columns
}

/** Pearson's correlation. NaN where one of the two is the same everywhere. */
export function correlation({ outputs, targets, weights }: ValueColumn): number {
  const [x, y] = [outputs, targets].map((values) => weightedMean(values, weights)) as [number, number]
  let [xy, xx, yy] = [0, 0, 0]
  for (const [i, weight] of weights.entries()) {
    const [dx, dy] = [outputs[i]! - x, targets[i]! - y]
    xy += weight * dx * dy
    xx += weight * dx * dx
    yy += weight * dy * dy
  }
  return xy / Math.sqrt(xx * yy)
}

export function weightedMean(values: readonly number[], weights: readonly number[]): number {
  let [total, count] = [0, 0]
  for (const [i, weight] of weights.entries()) {
    total += weight * values[i]!
    count += weight
  }
  return total / count
}

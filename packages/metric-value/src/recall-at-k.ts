import type { SampleRecord } from '@pare/gate'
import { countOption, type Metric, type MetricOptions } from '@pare/metric'
import { PareError } from '@pare/onnx'

/** Each sample is compared with every other: of more this takes too long. */
const MOST_SAMPLES = 8192

/** Neighbours kept beyond k, for when samples count several times or not at all. */
const SPARE = 64

export function recallAtK(options: MetricOptions = {}): Metric {
  const k = countOption(options, 'k')
  const caches = new WeakMap<readonly SampleRecord[], Neighbours>()
  return {
    name: 'recall-at-k',
    formula:
      'share of samples one of whose k nearest others, by cosine, has their label; a sample and its copies are not its neighbours',
    better: 'higher',
    bounded: true,
    needs: { read: 'values', against: 'group' },
    of: ({ rows, label }) => [label[0]!, ...rows[0]!],
    combine(records, weights) {
      const neighbours = caches.get(records) ?? neighboursOf(records, k + SPARE)
      caches.set(records, neighbours)
      let [found, total] = [0, 0]
      for (const i of neighbours.keys()) {
        const weight = weights?.[i] ?? 1
        if (weight === 0) continue
        total += weight
        if (isFound(records, neighbours[i]!, { i, k, ...(weights && { weights }) })) found += weight
      }
      return found / total
    },
  }
}

/** Of each sample the numbers of those that are nearest, nearest first. */
type Neighbours = readonly (readonly number[])[]

function isFound(
  records: readonly SampleRecord[],
  neighbours: readonly number[],
  { i, k, weights }: { readonly i: number; readonly k: number; readonly weights?: ArrayLike<number> },
): boolean {
  let seen = 0
  for (const j of neighbours) {
    const weight = weights?.[j] ?? 1
    if (weight === 0) continue
    if (records[j]![0] === records[i]![0]) return true
    seen += weight
    if (seen >= k) return false
  }
  return false
}

function neighboursOf(records: readonly SampleRecord[], count: number): Neighbours {
  if (records.length > MOST_SAMPLES) {
    throw new PareError(`metric 'recall-at-k': ${records.length} samples, each compared with every other: too many.`, {
      hint: `measure it on at most ${MOST_SAMPLES}.`,
    })
  }
  const units = records.map(([, ...values]) => {
    const length = Math.hypot(...values) || 1
    return Float64Array.from(values, (value) => value / length)
  })
  return units.map((own, i) => {
    const closeness = units.map((other) => {
      let product = 0
      for (let at = 0; at < own.length; at++) product += own[at]! * other[at]!
      return product
    })
    const others = Array.from(records.keys()).filter((j) => j !== i && !isCopy(records[i]!, records[j]!))
    return others.sort((a, b) => closeness[b]! - closeness[a]! || a - b).slice(0, count)
  })
}

function isCopy(a: SampleRecord, b: SampleRecord): boolean {
  return a.every((value, at) => value === b[at])
}

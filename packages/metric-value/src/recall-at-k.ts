import type { SampleRecord } from '@pare/gate'
import { defineMetric, type Metric, type Pooling, z } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { PAIR_OPTIONS, pairNeeds } from './parts/against.js'
import { retrieval } from './parts/retrieval.js'

/** Each sample is compared with every other: of more this takes too long. */
const MOST_SAMPLES = 8192

/** Neighbours kept beyond k, for when samples count several times or not at all. */
const SPARE = 64

type RecallParts = Omit<Metric, 'name' | 'formula'>

export const recallAtK = defineMetric({
  name: 'recall-at-k',
  formula:
    'share of samples one of whose k nearest others, by cosine, has their label; a sample and its copies are not its neighbours. Of two texts (pairs=mean) the share of first texts whose second is among the k nearest of all second ones; a second text of several samples takes as many places before others',
  options: {
    k: z
      .int()
      .min(1)
      .describe('among how many neighbours is looked; recall-at-5 is short for recall-at-k:k=5')
      .meta({ examples: [5] }),
    pairs: PAIR_OPTIONS.pairs,
  },
  create: ({ k, pairs }) => (pairs === undefined ? recallOfLabels(k) : recallOfPairs(k, pairs)),
})

function recallOfLabels(k: number): RecallParts {
  const caches = new WeakMap<readonly SampleRecord[], Neighbours>()
  return {
    better: 'higher',
    bounded: true,
    needs: { read: 'values', against: 'group' },
    of: ({ rows, label }) => [label[0]!, ...rows[0]!],
    combine(records, weights) {
      const neighbours = caches.get(records) ?? neighboursOf(records, k + SPARE)
      caches.set(records, neighbours)
      let [hits, total] = [0, 0]
      for (const i of neighbours.keys()) {
        const weight = weights?.[i] ?? 1
        if (weight === 0) continue
        total += weight
        if (isFound(records, neighbours[i]!, { i, k, ...(weights && { weights }) })) hits += weight
      }
      return hits / total
    },
  }
}

/** Of rows of a question and the text that answers it: how often the text is found. */
function recallOfPairs(k: number, pairs: Pooling): RecallParts {
  const value = retrieval(k, SPARE)
  return {
    ...{ better: 'higher', bounded: true, needs: pairNeeds(pairs) },
    of: ({ rows, label }) => [...rows[0]!, ...label],
    combine(records, weights) {
      refuseMany(records)
      return value(records, weights)
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
  refuseMany(records)
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

function refuseMany({ length }: readonly SampleRecord[]): void {
  if (length <= MOST_SAMPLES) return
  throw new PareError(`metric 'recall-at-k': ${length} samples, each compared with every other: too many.`, {
    hint: `measure it on at most ${MOST_SAMPLES}.`,
  })
}

function isCopy(a: SampleRecord, b: SampleRecord): boolean {
  return a.every((value, at) => value === b[at])
}

import type { Aggregate, SampleRecord } from '@pare/gate'

/** Of each text the second texts, nearest first by cosine, up to its own: `isFound` says whether its own is among them. */
interface Ranking {
  readonly nearer: readonly number[]
  readonly isFound: boolean
}

interface Rankings {
  readonly of: readonly Ranking[]
  /** The text that the second of each sample is: samples whose second texts have one vector share it. */
  readonly text: Int32Array
  readonly texts: number
}

/**
 * The share of samples whose second text is among the k of all second texts that are nearest to the first. A record is both vectors, one behind the other.
 * A second text of several samples is no rival of itself, and takes as many places before others as samples have it: so samples that are drawn again leave as many rivals as there were.
 * `spare` texts beyond k are looked at, for when some are not drawn. Cost: samples² × width, once for all weights.
 */
export function retrieval(k: number, spare: number): Aggregate {
  const caches = new WeakMap<readonly SampleRecord[], Rankings>()
  return (records, weights) => {
    const rankings = caches.get(records) ?? rankingsOf(records, k + spare)
    caches.set(records, rankings)
    const { text, texts } = rankings
    const drawn = new Float64Array(texts)
    for (let i = 0; i < text.length; i++) drawn[text[i]!]! += weights?.[i] ?? 1
    let [hits, total] = [0, 0]
    for (const [i, ranking] of rankings.of.entries()) {
      const weight = weights?.[i] ?? 1
      if (weight === 0) continue
      total += weight
      if (!ranking.isFound) continue
      const before = ranking.nearer.reduce((sum, one) => sum + drawn[one]!, 0)
      if (before < k) hits += weight
    }
    return hits / total
  }
}

function rankingsOf(records: readonly SampleRecord[], most: number): Rankings {
  const halves = records.map((record) => [unitOf(record, 0), unitOf(record, 1)] as const)
  const numbers = new Map<string, number>()
  const text = Int32Array.from(records, (record) => {
    const key = record.slice(record.length / 2).join()
    if (!numbers.has(key)) numbers.set(key, numbers.size)
    return numbers.get(key)!
  })
  const vectors: Float64Array[] = []
  for (const [i, one] of text.entries()) vectors[one] ??= halves[i]![1]
  const of = halves.map(([first], i) => {
    const closeness = vectors.map((vector) => product(first, vector))
    const own = text[i]!
    // Of equally near texts the earlier ranks higher, as if they were sorted.
    const nearer = Array.from(closeness.keys()).filter(
      (one) => closeness[one]! > closeness[own]! || (closeness[one] === closeness[own] && one < own),
    )
    return nearer.length > most ? { nearer: [], isFound: false } : { nearer, isFound: true }
  })
  return { of, text, texts: numbers.size }
}

function unitOf(record: SampleRecord, half: 0 | 1): Float64Array {
  const width = record.length / 2
  const values = Float64Array.from(record.slice(half * width, (half + 1) * width))
  const length = Math.hypot(...values) || 1
  return values.map((value) => value / length)
}

function product(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

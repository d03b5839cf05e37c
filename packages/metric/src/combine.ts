import type { Aggregate, PerSample } from '@pare/gate'
import type { Combination, Contribution } from './contract.js'

/** Contributions as the gate keeps them. A sample that does not count stays in its place, with a count of 0 or an empty record. */
export function perSampleOf(combine: Combination, contributions: readonly (Contribution | undefined)[]): PerSample {
  if (typeof combine === 'function') return { kind: 'records', records: contributions.map(recordOf) }
  if (typeof combine === 'object') return pairsOrRecords(contributions.map(recordOf))
  const sums = contributions.map((own) => (own === undefined ? 0 : typeof own === 'number' ? own : own[0]!))
  const counts = contributions.map((own) => (own === undefined ? 0 : typeof own === 'number' ? 1 : own[1]!))
  if (combine === 'perplexity') return { kind: 'perplexity', sums, counts }
  if (!counts.every((count) => count === 1)) return { kind: 'ratio', sums, counts }
  const isPlain = contributions.every((own) => typeof own === 'number')
  return combine === 'proportion' && isPlain ? { kind: 'proportion', correct: sums } : { kind: 'mean', values: sums }
}

/** What makes the value of records, where a metric has an own way. */
export function aggregateOf(combine: Combination): Aggregate | undefined {
  if (typeof combine === 'function') return combine
  return typeof combine === 'object' ? combine.f1 : undefined
}

function recordOf(own: Contribution | undefined): readonly number[] {
  if (own === undefined) return []
  return typeof own === 'number' ? [own] : own
}

/** Macro F1 of one answer a sample is a kind of its own. */
function pairsOrRecords(records: readonly (readonly number[])[]): PerSample {
  if (!records.every(({ length }) => length === 2)) return { kind: 'records', records }
  return { kind: 'f1', predicted: records.map(([predicted]) => predicted!), label: records.map(([, label]) => label!) }
}

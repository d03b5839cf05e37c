import { kth } from '../backend/kth.js'
import type { WeightSource } from '../backend/stream.js'
import type { Rows } from '../contract/contract.js'
import { type Scoring, saliencies } from './scoring.js'
import { selectLowest } from './threshold.js'

/** One threshold for each row of a weight. `until` counts elements of the weight, not of the row. */
export interface RowThresholds {
  /** Null: nothing is masked in that row. */
  readonly below: readonly (number | null)[]
  readonly until: readonly number[]
}

/** Counts the rows of a weight: output units, once for each batch or group. */
export function rowCount(rows: Rows): number {
  return rows.batch * rows.out
}

/** Index in the weight of element `i` of a row. */
export function rowElement({ batch: _, before, out, after }: Rows, row: number, i: number): number {
  const b = Math.floor(row / out)
  return ((b * before + Math.floor(i / after)) * out + (row % out)) * after + (i % after)
}

/** The row that an element of the weight belongs to. */
export function rowOf({ before, out, after }: Rows, element: number): number {
  return Math.floor(element / (before * out * after)) * out + (Math.floor(element / after) % out)
}

/**
 * Chooses `count` elements of one weight, equally many in each row (one more where it does not divide), the least salient of each row first.
 * Holds the saliencies of the whole weight in memory. A row with more zeros than its share keeps them all.
 */
export async function selectInRows(source: WeightSource, count: number, scoring: Scoring) {
  const { rows } = source.weight
  // Also refuses weights that are not finite.
  const [{ zeros } = { zeros: 0 }] = await selectLowest([source], 0, scoring)
  const saliency = await saliencies(source, scoring)
  const total = rowCount(rows)
  const length = source.elements / total
  const row = new Float64Array(length)
  const below: (number | null)[] = []
  const until: number[] = []
  let masked = 0
  for (let r = 0; r < total; r++) {
    for (let i = 0; i < length; i++) row[i] = saliency[rowElement(rows, r, i)]!
    const share = Math.floor(((r + 1) * count) / total) - Math.floor((r * count) / total)
    const border = lowest(row, share)
    below.push(border.below)
    until.push(border.last < 0 ? 0 : rowElement(rows, r, border.last) + 1)
    masked += border.masked
  }
  return { zeros, masked, rule: { below, until } satisfies RowThresholds }
}

/** The threshold under which `share` elements of the row go, and the last tie that goes with them, or −1. */
function lowest(row: Float64Array, share: number): { below: number | null; last: number; masked: number } {
  const value = share === 0 ? -Infinity : kth(row, share)
  let lower = 0
  for (let i = 0; i < row.length; i++) lower += -(row[i]! < value) & 1
  if (value === -Infinity)
    return { below: null, last: -1, masked: row.reduce((zeros, s) => zeros + (s === -Infinity ? 1 : 0), 0) }
  let last = -1
  for (let left = share - lower; left > 0; left--) last = row.indexOf(value, last + 1)
  return { below: value, last, masked: share }
}

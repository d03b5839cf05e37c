import type { WeightProblem } from '@pare/core'
import { kth } from '@pare/core/backends'

/** What is ranked together, rows `from` to `to`, and how many of its elements are to be zero. */
export interface Rank {
  readonly from: number
  readonly to: number
  readonly zeros: number
}

/**
 * Each row, or all rows together, at most `most` at a time. The zeros are spread evenly: in each row the same number where that is possible, else one more
 * in some, spread evenly too.
 */
export function ranksOf({ rows, zeros, scope }: WeightProblem, most: number): Rank[] {
  const size = scope === 'row' ? 1 : most
  const upTo = (row: number) => Math.floor((row * zeros) / rows)
  return Array.from({ length: Math.ceil(rows / size) }, (_, i) => {
    const [from, to] = [i * size, Math.min(rows, (i + 1) * size)]
    return { from, to, zeros: upTo(to) - upTo(from) }
  })
}

export interface RankStretch {
  /** Zeros that are still to come, here and later. */
  readonly zeros: number
  /** Elements, here and later. */
  readonly left: number
  /** Elements here. */
  readonly size: number
  /** Elements that are zero already, and stay so. */
  readonly zeroHere: number
  readonly zeroLater: number
}

/** How many elements of a stretch are to be zero: its part of what is still to come, and never so few that zeros would have to come alive. */
export function shareOf({ zeros, left, size, zeroHere, zeroLater }: RankStretch): number {
  const share = Math.min(Math.round((zeros * size) / left), zeros - zeroLater)
  return Math.max(zeroHere, share)
}

/** Marks the `count` elements of `zeroFlags` with the lowest scores, of equal ones the first, and no others. Linear. */
export function markLowest(scores: Float64Array, count: number, zeroFlags: Uint8Array): void {
  zeroFlags.fill(0)
  if (count === 0) return
  const border = lowest(scores, count)
  let ties = count
  for (let i = 0; i < scores.length; i++) {
    if (scores[i]! >= border) continue
    zeroFlags[i] = 1
    ties--
  }
  for (let i = 0; ties > 0; i++) {
    if (scores[i] !== border) continue
    zeroFlags[i] = 1
    ties--
  }
}

/** The score with this rank. Of a few, as in a row of a block, sorting is the faster way. */
function lowest(scores: Float64Array, rank: number): number {
  return scores.length <= 1024 ? scores.toSorted()[rank - 1]! : kth(scores, rank)
}

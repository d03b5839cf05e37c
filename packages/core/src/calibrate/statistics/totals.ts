import type { Statistic } from '../../contract/contract.js'

/** What was reduced so far: of some rows. */
export interface Totals {
  readonly rows: number
  /** Sums, or for 'max' the largest; for 'variance' means. */
  readonly values: Float64Array
  /** For 'variance': sums of squared differences from the mean. */
  readonly squares?: Float64Array
}

/** Samples that are always measured together: shards end at multiples of it. */
export const CHUNK_SAMPLES = 256

/**
 * Totals by request of the chunks from index · 2^level to (index + 1) · 2^level. Two neighbours are put together only where they make such a block, and
 * what is left at the end from left to right: however the chunks were spread over machines, the same sums come out.
 */
export interface ChunkTotals {
  readonly level: number
  readonly index: number
  readonly totals: ReadonlyMap<string, Totals>
}

export type Reductions = ReadonlyMap<string, Statistic['reduce']>

/** Blocks in order, neighbours put together where they make a larger one. */
export function joinTotals(blocks: readonly ChunkTotals[], reductions: Reductions): ChunkTotals[] {
  const stack: ChunkTotals[] = []
  for (const block of [...blocks].sort((a, b) => startOf(a) - startOf(b))) {
    stack.push(block)
    while (areSiblings(stack.at(-2), stack.at(-1))) {
      const [right, left] = [stack.pop()!, stack.pop()!]
      stack.push({ level: left.level + 1, index: left.index / 2, totals: both(left.totals, right.totals, reductions) })
    }
  }
  return stack
}

/** First chunk of a block, and the first behind it. */
export const startOf = ({ level, index }: ChunkTotals) => index * 2 ** level
export const endOf = ({ level, index }: ChunkTotals) => (index + 1) * 2 ** level

function areSiblings(left: ChunkTotals | undefined, right: ChunkTotals | undefined): boolean {
  return (
    left !== undefined &&
    right !== undefined &&
    left.level === right.level &&
    left.index % 2 === 0 &&
    right.index === left.index + 1
  )
}

/** Puts the totals of all blocks together. */
export function totalOf(blocks: readonly ChunkTotals[], reductions: Reductions): ReadonlyMap<string, Totals> {
  return joinTotals(blocks, reductions)
    .map(({ totals }) => totals)
    .reduce((left, right) => both(left, right, reductions))
}

function both(left: ChunkTotals['totals'], right: ChunkTotals['totals'], reductions: Reductions): Map<string, Totals> {
  const ids = new Set([...left.keys(), ...right.keys()])
  return new Map(
    [...ids].map((id) => {
      const [a, b] = [left.get(id), right.get(id)]
      return [id, a === undefined || b === undefined ? (a ?? b)! : combined(reductions.get(id)!, a, b)]
    }),
  )
}

/** Puts the totals of two sets of rows together. Variances by Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm, 1979. */
export function combined(reduce: Statistic['reduce'], a: Totals, b: Totals): Totals {
  if (a.rows === 0) return b
  if (b.rows === 0) return a
  const rows = a.rows + b.rows
  if (reduce === 'max') return { rows, values: a.values.map((value, i) => Math.max(value, b.values[i]!)) }
  if (reduce !== 'variance') return { rows, values: a.values.map((value, i) => value + b.values[i]!) }
  const away = b.values.map((mean, i) => mean - a.values[i]!)
  return {
    rows,
    values: a.values.map((mean, i) => mean + (away[i]! * b.rows) / rows),
    squares: a.squares!.map((sum, i) => sum + b.squares![i]! + (away[i]! ** 2 * a.rows * b.rows) / rows),
  }
}

/** The statistic itself: mean, maximum, population variance, or mean of products. */
export function finished(reduce: Statistic['reduce'], { rows, values, squares }: Totals): Float64Array {
  if (reduce === 'max') return values
  return (reduce === 'variance' ? squares! : values).map((sum) => sum / rows)
}

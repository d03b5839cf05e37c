import type { LayerPlan } from './plan.js'

/** Two ways to do the same, run in turn, in milliseconds. */
export interface Both {
  /** Medians. */
  readonly first: number
  readonly second: number
  /** The fastest run of each: what others on the machine do only ever adds. */
  readonly fastest: readonly [number, number]
  /** Median of first ÷ second, pair by pair. */
  readonly ratio: number
  /** Share of pairs in which the second was faster. */
  readonly wins: number
}

export interface Effort {
  readonly warmUp: number
  readonly fewest: number
  readonly most: number
  /** No more pairs are begun after this. */
  readonly milliseconds: number
}

export const OF_LAYER: Effort = { warmUp: 2, fewest: 3, most: 15, milliseconds: 40 }
export const OF_SESSION: Effort = { warmUp: 2, fewest: 7, most: 41, milliseconds: 500 }

/** Runs both in turn, whichever was second going first the next time: what slows the machine down meets both alike. */
export async function inTurn(
  first: () => unknown,
  second: () => unknown,
  { warmUp, fewest, most, milliseconds }: Effort,
): Promise<Both> {
  const ways = [first, second]
  const times: [number[], number[]] = [[], []]
  let end = Number.POSITIVE_INFINITY
  for (let i = -warmUp; i < most && (i < fewest || performance.now() < end); i++) {
    if (i === 0) end = performance.now() + milliseconds
    for (const which of i % 2 === 0 ? [0, 1] : [1, 0]) {
      const start = performance.now()
      await ways[which]!()
      if (i >= 0) times[which]!.push(performance.now() - start)
    }
  }
  const ratios = times[0].map((time, i) => time / times[1][i]!)
  return {
    first: medianOf(times[0]),
    second: medianOf(times[1]),
    fastest: [Math.min(...times[0]), Math.min(...times[1])],
    ratio: medianOf(ratios),
    wins: ratios.filter((ratio) => ratio > 1).length / ratios.length,
  }
}

/** Faster by more than two runs of the same model differ, and nearly every time. */
export const pays = ({ ratio, wins }: Both) => ratio > 1.03 && wins >= 0.75

export const gainUs = ({ denseUs, sparseUs }: LayerPlan) => denseUs - sparseUs

function medianOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}

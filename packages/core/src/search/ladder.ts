/**
 * One of several sets of values for a weight, and what it costs in whole numbers: elements that stay, or bits that are stored. The search knows nothing else of
 * levels, so it serves whatever has a cost.
 */
export interface LevelledWeight {
  readonly id: string
  /** Cost of each level. The search moves from a level to its neighbours first. */
  readonly costs: readonly number[]
}

/** One level for each weight, by its place among the costs. */
export type Choice = readonly number[]

/** Levels of sparsity around a share that was decided before. */
export interface Ladder {
  readonly weights: readonly (LevelledWeight & {
    /** Elements that are zero, by level; descending as costs rise. */
    readonly zeros: readonly number[]
  })[]
  /** The shares that it is built around. */
  readonly start: Choice
}

export interface LadderOptions {
  /** Of each weight, the share it starts at included, as far as it has them. Odd. Default: 7 */
  readonly levels?: number
  /** Between two levels, as a share of the weight. Steps of two weights are in a ratio of a power of two, so they are only near it. Default: 0.05 */
  readonly step?: number
}

/**
 * Levels `step` apart on both sides of `counts`, the elements of each weight that go. A step is the unit, that of the smallest weight, times a power of two,
 * so that what one weight gives up is what another takes, to the element.
 */
export function ladderOf(
  layers: readonly { readonly id: string; readonly elements: number }[],
  counts: readonly number[],
  { levels = 7, step = 0.05 }: LadderOptions = {},
): Ladder {
  const half = (levels - 1) / 2
  const unit = Math.max(1, Math.round(step * Math.min(...layers.map(({ elements }) => elements))))
  const weights = layers.map(({ id, elements }, i) => {
    const size = unit * 2 ** Math.max(0, Math.round(Math.log2((step * elements) / unit)))
    const zeros = Array.from({ length: levels }, (_, level) => counts[i]! + (half - level) * size)
    const possible = zeros.filter((count) => count >= 0 && count <= elements)
    return { id, zeros: possible, costs: possible.map((count) => elements - count) }
  })
  return { weights, start: weights.map(({ zeros }, i) => zeros.indexOf(counts[i]!)) }
}

/** What all weights cost together. */
export function costOf(weights: readonly LevelledWeight[], choice: Choice): number {
  return weights.reduce((sum, { costs }, i) => sum + costs[choice[i]!]!, 0)
}

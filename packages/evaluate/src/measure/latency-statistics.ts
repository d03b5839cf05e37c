/** A ratio, and where it lies with 95 % confidence. */
export interface Estimate {
  readonly value: number
  readonly interval: readonly [low: number, high: number]
}

export type SpeedVerdict = 'faster' | 'slower' | 'no difference'

/** Fewer say nothing with 95 % confidence: five values lie on one side of the true median in one case of sixteen. */
export const FEWEST_RUNS = 6

/** Into how many stretches the runs are divided at most. */
const BLOCKS = 25

const LEVEL = 0.95

/**
 * How many times as fast the second is. Run i of both came one right after the other; the runs are divided into at most 25 stretches of time, and
 * each stretch has one ratio, median of reference ÷ median of pruned: a machine that is busy for a while makes neighbouring runs alike, and so few
 * stretches less (batch means, Law 2015, section 9.5). The result is the median of these ratios and its interval.
 */
export function speedupOf(reference: readonly number[], pruned: readonly number[]): Estimate {
  const runs = reference.length
  const blocks = Math.min(BLOCKS, runs)
  const ratios = Array.from({ length: blocks }, (_, i) => {
    const [from, to] = [Math.floor((i * runs) / blocks), Math.floor(((i + 1) * runs) / blocks)]
    return medianOf(reference.slice(from, to)) / medianOf(pruned.slice(from, to))
  })
  return { value: medianOf(ratios), interval: medianInterval(ratios) }
}

export function medianOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}

/**
 * From the k-th smallest to the k-th largest of n values: k is the largest number with 2 · P(Binomial(n, ½) < k) ≤ 0.05. It holds the true median
 * with at least 95 % confidence whatever the distribution of the values (Thompson 1936; Hahn and Meeker 1991, section 5.2). Throws RangeError for
 * fewer than six, and for more than a thousand, whose 2ⁿ is no number.
 */
export function medianInterval(values: readonly number[]): readonly [number, number] {
  const n = values.length
  if (n < FEWEST_RUNS || n > 1000) throw new RangeError(`${n} values, expected ${FEWEST_RUNS} to 1000`)
  const sorted = Float64Array.from(values).sort()
  const k = rank(n)
  return [sorted[k - 1]!, sorted[n - k]!]
}

function rank(n: number): number {
  let ways = 1
  let below = ways / 2 ** n
  let k = 0
  // below = P(Binomial(n, ½) ≤ k).
  while (2 * below <= 1 - LEVEL) {
    ways *= (n - k) / (k + 1)
    below += ways / 2 ** n
    k++
  }
  return k
}

/** What a speed-up says: its interval must lie on one side of 1, and by more than `resolution`, the error that more runs do not average out. */
export function verdictOf({ interval: [low, high] }: Estimate, resolution: number): SpeedVerdict {
  if (low > 1 + resolution) return 'faster'
  return high < 1 / (1 + resolution) ? 'slower' : 'no difference'
}

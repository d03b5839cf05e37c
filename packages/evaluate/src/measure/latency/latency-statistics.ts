import { studentQuantile } from '@pare/gate'

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

/** Times of several models that were run in turn while they stayed open: one list for each model, of which run i of all came one right after the other. */
export type TimingRound = readonly (readonly number[])[]

/** A session that lies well in memory is faster for as long as it is open: a model beside itself comes out up to this far from 1. */
const PLACEMENT = 0.01

/**
 * How many times as fast one model of the rounds is as another: `after` compared with `before`. In each round both were opened anew. A round is one value, the
 * median over its pairs of runs of the logarithm of their ratio: neighbouring runs, which a busy machine slows alike, count once. The result is their mean with
 * Student's interval, which so holds what differs from one opening to the next. Of one round only, see `overStretches`.
 */
export function speedupOf(rounds: readonly TimingRound[], before: number, after: number): Estimate {
  const [only] = rounds
  if (rounds.length === 1 && only !== undefined) return overStretches(only[before]!, only[after]!)
  const logs = rounds.map((round) => medianOf(round[before]!.map((time, i) => Math.log(time / round[after]![i]!))))
  const mean = logs.reduce((total, log) => total + log, 0) / logs.length
  const squares = logs.reduce((total, log) => total + (log - mean) ** 2, 0)
  const reach = studentQuantile((1 - LEVEL) / 2, logs.length - 1) * Math.sqrt(squares / (logs.length - 1) / logs.length)
  return { value: Math.exp(mean), interval: [Math.exp(mean - reach), Math.exp(mean + reach)] }
}

/**
 * The same of models that were opened once. Run i of both came one right after the other; the runs are divided into at most 25 stretches of time, and
 * each stretch has one ratio, median of reference ÷ median of pruned: a machine that is busy for a while makes neighbouring runs alike, and so few
 * stretches less (batch means, Law 2015, section 9.5). The result is the median of these ratios and its interval, wider by what the places in memory may make.
 */
export function overStretches(reference: readonly number[], pruned: readonly number[]): Estimate {
  const runs = reference.length
  const blocks = Math.min(BLOCKS, runs)
  const ratios = Array.from({ length: blocks }, (_, i) => {
    const [from, to] = [Math.floor((i * runs) / blocks), Math.floor(((i + 1) * runs) / blocks)]
    return medianOf(reference.slice(from, to)) / medianOf(pruned.slice(from, to))
  })
  const [low, high] = medianInterval(ratios)
  return { value: medianOf(ratios), interval: [low / (1 + PLACEMENT), high * (1 + PLACEMENT)] }
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

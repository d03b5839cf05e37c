import type { Comparison } from '../compare.js'
import type { DiscordantCounts } from '../statistics/proportion.js'

/** Other samples of the same kind, by which the same demand will be judged later. */
export interface Foresight {
  /** Samples that are looked at now ÷ those that will be. 0: what counts is the drop of all samples that there could be */
  readonly share: number
  /** With which the demand must be met then, between 0.5 and 1 (exclusive). */
  readonly certainty: number
}

interface DropLimit {
  readonly allowed: number
  /** With which the other samples must show it. Default: what they measure decides */
  readonly certainty?: number | undefined
}

type Seen = Pick<Comparison, 'value' | 'bounds' | 'tally' | 'grouping'>

/** Whether the drop that other samples show will be no larger than is allowed, with the certainty of `foresight`. */
export function isForeseen(seen: Seen, { allowed, certainty }: DropLimit, foresight: Foresight): boolean {
  const { tally, grouping } = seen
  const { share, certainty: sure } = foresight
  const isCounted = tally !== undefined && grouping === undefined && tally.lost + tally.gained <= MOST_COUNTED
  if (isCounted && certainty === undefined && share > 0) return chanceOfMore(tally, tally.n / share, allowed) <= 1 - sure
  return foreseenDrop(seen, foresight, certainty) <= allowed
}

/** Beyond that many the normal distribution says the same. */
const MOST_COUNTED = 400

/**
 * What other samples show at most. What n samples show lies about the true drop as widely as their interval says, what m others will show √(n ÷ m) times as widely, and both
 * independently: the reach grows by √(1 + n ÷ m) (a prediction interval). Where certainty is demanded there, too, the upper limit of the others' own interval is judged.
 */
export function foreseenDrop(
  { value, bounds }: Pick<Comparison, 'value' | 'bounds'>,
  { share, certainty: sure }: Foresight,
  certainty: number | undefined,
): number {
  const reach = (level: number) => bounds(2 * level - 1)[1] - value
  const judged = certainty === undefined ? 0 : reach(certainty) * Math.sqrt(share)
  return value + reach(sure) * Math.sqrt(1 + share) + judged
}

/**
 * The chance that (lost − gained) ÷ m of m other samples is more than is allowed. Samples that change sides are few, so their counts are taken for Poisson's; of a rate of which
 * x events were seen in n samples, with Jeffreys' prior Gamma(½, 0), as many more in m others have the negative binomial distribution with x + ½ and n ÷ (n + m).
 */
export function chanceOfMore({ lost, gained, n }: DiscordantCounts, m: number, allowed: number): number {
  const [worse, better] = [lost, gained].map((count) => negativeBinomial(count + 0.5, n / (n + m)))
  // Counts that give exactly what is allowed are allowed.
  const most = Math.floor(allowed * m + 1e-9)
  const above = new Float64Array(worse!.length + 1)
  for (let k = worse!.length - 1; k >= 0; k--) above[k] = above[k + 1]! + worse![k]!
  return better!.reduce((sum, chance, gain) => sum + chance * (above[Math.max(0, gain + most + 1)] ?? 0), 0)
}

/** The chances of 0, 1, 2 …, until hardly any is left. */
function negativeBinomial(shape: number, p: number): number[] {
  const chances = [p ** shape]
  let sum = chances[0]!
  for (let k = 0; 1 - sum > 1e-10 && chances.length < 20_000; k++) {
    chances.push((chances[k]! * (1 - p) * (shape + k)) / (k + 1))
    sum += chances.at(-1)!
  }
  return chances
}

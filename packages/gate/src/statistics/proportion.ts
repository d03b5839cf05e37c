import { betaCdf, betaQuantile } from './beta.js'

/** How many of `n` samples only the reference got right, and how many only the pruned model. Counts may be fractional in what-if questions. */
export interface DiscordantCounts {
  readonly lost: number
  readonly gained: number
  readonly n: number
}

/** Counts the samples on which two lists of right (1) and wrong (0) differ. */
export function tally(reference: readonly number[], pruned: readonly number[]): DiscordantCounts {
  let lost = 0
  let gained = 0
  for (let i = 0; i < reference.length; i++) {
    if (reference[i] === pruned[i]) continue
    if (reference[i] === 1) lost++
    else gained++
  }
  return { lost, gained, n: reference.length }
}

/**
 * Two-sided confidence interval of the drop of a proportion, (lost − gained) ÷ n, paired over samples.
 *
 * Exact (Clopper-Pearson 1934) limits of the two discordant proportions, combined by the method of variance estimates recovery
 * (Zou and Donner 2008, doi 10.1002/sim.3095) with the correlation of multinomial counts. Coverage, computed by enumerating all
 * outcomes and not by approximation, stays at or above the level from 20 samples on wherever it was tried (`bench/coverage.mjs`), one-sided too;
 * neither holds for Tango's score interval nor for Bonett and Price's. With no discordant pair at all it is ±(1 − (α/2)^(1/n)), about ±3.7 ÷ n.
 *
 * `limitsOf` gives the limits of one proportion; a caller with many tallies of one n may hand in one that remembers.
 */
export function proportionInterval(
  { lost, gained, n }: DiscordantCounts,
  level: number,
  limitsOf = clopperPearson,
): [low: number, high: number] {
  const p = lost / n
  const q = gained / n
  const [pLow, pHigh] = limitsOf(lost, n, level)
  const [qLow, qHigh] = limitsOf(gained, n, level)
  return recovered({ rate: p, limits: [pLow, pHigh] }, { rate: q, limits: [qLow, qHigh] }, multinomial(p, q))
}

/** How strongly two shares of one set push each other aside: minus the correlation of their counts. */
export function multinomial(p: number, q: number): number {
  return p > 0 && q > 0 && p < 1 && q < 1 ? Math.sqrt((p * q) / ((1 - p) * (1 - q))) : 0
}

interface RateLimits {
  readonly rate: number
  readonly limits: readonly [low: number, high: number]
}

/** Limits of p − q from those of both (Zou and Donner 2008), where they push each other aside by `correlation`. */
export function recovered(p: RateLimits, q: RateLimits, correlation: number): [low: number, high: number] {
  const reach = (x: number, y: number) => Math.sqrt(x * x + 2 * correlation * x * y + y * y)
  const value = p.rate - q.rate
  return [
    Math.max(-1, value - reach(p.rate - p.limits[0], q.limits[1] - q.rate)),
    Math.min(1, value + reach(p.limits[1] - p.rate, q.rate - q.limits[0])),
  ]
}

/**
 * Exact two-sided McNemar test: the chance that fair coin tosses, one for each sample that changed sides, split at least as unevenly
 * (binomial with ½, the smaller tail doubled; not the mid-p variant).
 */
export function mcnemar({ lost, gained }: DiscordantCounts): { lost: number; gained: number; p: number } {
  const smaller = Math.min(lost, gained)
  const larger = Math.max(lost, gained)
  return { lost, gained, p: lost === gained ? 1 : Math.min(1, 2 * betaCdf(0.5, larger, smaller + 1)) }
}

/** Exact interval of a binomial proportion: no true value is rejected that leaves the count a chance of more than half of 1 − level on its side. */
export function clopperPearson(count: number, n: number, level: number): [number, number] {
  const tail = (1 - level) / 2
  return [count > 0 ? betaQuantile(tail, count, n - count + 1) : 0, count < n ? betaQuantile(1 - tail, count + 1, n - count) : 1]
}

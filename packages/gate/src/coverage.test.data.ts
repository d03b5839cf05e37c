import { clopperPearson, type DiscordantCounts, proportionInterval } from './statistics/proportion.js'

/** True probabilities that a sample is lost or gained by pruning. */
export interface Truth {
  readonly n: number
  readonly lost: number
  readonly gained: number
}

/** The interval at one level, with the limits of each count computed once. */
export function intervalAt(level: number): (tally: DiscordantCounts) => [number, number] {
  const cache = new Map<string, [number, number]>()
  const limitsOf = (count: number, n: number) => {
    const key = `${count} of ${n}`
    const limits = cache.get(key) ?? clopperPearson(count, n, level)
    cache.set(key, limits)
    return limits
  }
  return (tally) => proportionInterval(tally, level, limitsOf)
}

/**
 * How often an interval contains the true drop, and how often the drop lies above it: not by drawing, but by adding up the probabilities of all
 * outcomes of the trinomial (those below 1e-10 aside).
 */
export function coverage(
  interval: (tally: DiscordantCounts) => readonly [number, number],
  { n, lost, gained }: Truth,
): { covered: number; above: number } {
  const drop = lost - gained
  const logFactorial = new Float64Array(n + 1)
  for (let i = 1; i <= n; i++) logFactorial[i] = logFactorial[i - 1]! + Math.log(i)
  const term = (count: number, p: number) => (count === 0 ? 0 : count * Math.log(p) - logFactorial[count]!)
  let covered = 0
  let above = 0
  for (let x = 0; x <= n; x++) {
    for (let y = 0; x + y <= n; y++) {
      const probability = Math.exp(logFactorial[n]! + term(x, lost) + term(y, gained) + term(n - x - y, 1 - lost - gained))
      if (probability < 1e-10) {
        if (y > n * gained) break
        continue
      }
      const [low, high] = interval({ lost: x, gained: y, n })
      if (high < drop - 1e-12) above += probability
      else if (low <= drop + 1e-12) covered += probability
    }
  }
  return { covered, above }
}

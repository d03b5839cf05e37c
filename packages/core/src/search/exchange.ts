import { type Choice, costOf, type LevelledWeight } from './ladder.js'

/** Uniform in [0, 1), a new number with each call. */
export type Random = () => number

/**
 * A choice of the same cost: one weight goes to another level, and one other to that which makes up for it, `exchanges` times. Undefined where nothing was found
 * in a hundred tries.
 */
export function exchanged(
  weights: readonly LevelledWeight[],
  choice: Choice,
  { exchanges, random }: { readonly exchanges: number; readonly random: Random },
): Choice | undefined {
  let current = choice
  for (let i = 0; i < exchanges; i++) {
    const next = exchangedOnce(weights, current, random)
    if (next === undefined) return undefined
    current = next
  }
  return current
}

const TRIES = 100
/** So many levels at once, at most: weights of unlike size meet only in steps of the larger. */
const FURTHEST = 4

function exchangedOnce(weights: readonly LevelledWeight[], choice: Choice, random: Random): Choice | undefined {
  for (let i = 0; i < TRIES; i++) {
    const [a, b] = [pick(weights.length, random), pick(weights.length, random)]
    const far = 1 + Math.floor(FURTHEST * random() ** 3)
    const to = choice[a]! + (random() < 0.5 ? far : -far)
    const own = weights[a]!.costs
    if (a === b || own[to] === undefined || own[to] === own[choice[a]!]) continue
    const other = weights[b]!.costs
    const level = other.indexOf(other[choice[b]!]! - (own[to] - own[choice[a]!]!))
    if (level < 0) continue
    return choice.map((each, w) => (w === a ? to : w === b ? level : each))
  }
  return undefined
}

const pick = (length: number, random: Random) => Math.floor(length * random())

/** What losses of single moves add up to for a whole choice, at most as many cells are filled: cost ÷ greatest common divisor, times levels of all weights. */
const MOST_CELLS = 5e7

/**
 * The choice of least summed loss at the cost of `start` (knapsack with one level of each weight, by dynamic programming, exact). `losses` are those of each weight
 * alone at each of its levels, undefined where a level may not be taken. Undefined where there would be too much to fill in.
 */
export function leastSummed(
  weights: readonly LevelledWeight[],
  losses: readonly (readonly (number | undefined)[])[],
  start: Choice,
): Choice | undefined {
  const lowest = weights.map(({ costs }, w) => Math.min(...costs.filter((_, level) => losses[w]![level] !== undefined)))
  const common = weights.reduce((d, { costs }, w) => costs.reduce((all, cost) => gcd(all, Math.abs(cost - lowest[w]!)), d), 0)
  // Where all levels cost the same, each weight has its own best.
  const divisor = common || 1
  const room = (costOf(weights, start) - lowest.reduce((a, b) => a + b, 0)) / divisor
  if (!Number.isInteger(room) || weights.reduce((cells, { costs }) => cells + costs.length * (room + 1), 0) > MOST_CELLS)
    return undefined
  let best = new Float64Array(room + 1).fill(Number.POSITIVE_INFINITY)
  best[0] = 0
  const taken: Uint8Array[] = []
  for (const [w, { costs }] of weights.entries()) {
    const next = new Float64Array(room + 1).fill(Number.POSITIVE_INFINITY)
    const levels = new Uint8Array(room + 1)
    for (const [level, cost] of costs.entries()) {
      const loss = losses[w]![level]
      if (loss === undefined) continue
      const more = (cost - lowest[w]!) / divisor
      for (let at = more; at <= room; at++) {
        const sum = best[at - more]! + loss
        if (sum >= next[at]!) continue
        next[at] = sum
        levels[at] = level
      }
    }
    best = next
    taken.push(levels)
  }
  if (best[room] === Number.POSITIVE_INFINITY) return undefined
  const choice = [...start]
  for (let w = weights.length - 1, at = room; w >= 0; w--) {
    choice[w] = taken[w]![at]!
    at -= (weights[w]!.costs[choice[w]!]! - lowest[w]!) / divisor
  }
  return choice
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

import type { UnitLimits } from './unit-options.js'

/** Units that are ranked together, whatever they are. */
export interface UnitRanking {
  readonly units: number
  /** How many stay at least. Default: 1 */
  readonly least?: number
  /** f64[units] */
  readonly scores: Float64Array
}

/** `comparable`: scores of different groups are on one scale, as losses are, and not divided by anything. Default: false */
type RankLimits = UnitLimits & { readonly comparable?: boolean }

/**
 * Which units of each group go, in order, when a share of all units shall go: round(share × all units), of each group its share, or, with scope 'global',
 * over all groups by scores divided by their group's mean; then what stays is rounded up to the limits. The lowest scores go
 * first, ties in order of position. Ranks once; what goes for one share goes for every larger one.
 */
export function rankUnits(groups: readonly UnitRanking[], limits: RankLimits): (share: number) => number[][] {
  const orders = groups.map(({ scores }) => ascending(scores))
  const countsOf = limits.scope === 'global' ? globalCounts(groups, orders, limits) : groupCounts(groups)
  return (share) => {
    const counts = limits.uniform ? evened(groups, countsOf(share)) : countsOf(share)
    return groups.map(({ units, least = 1 }, i) =>
      orders[i]!.slice(0, units - keptOf(units, Math.max(units - counts[i]!, least), limits)).sort((a, b) => a - b),
    )
  }
}

/** The units with the lowest scores, ties in order of position, in order. */
export function lowest(scores: Float64Array, count: number): number[] {
  return ascending(scores)
    .slice(0, count)
    .sort((a, b) => a - b)
}

function keptOf(units: number, kept: number, { minUnits, multipleOf }: UnitLimits): number {
  const least = Math.min(units, Math.max(kept, minUnits))
  return units < multipleOf ? least : Math.min(units, Math.ceil(least / multipleOf) * multipleOf)
}

type Counts = (share: number) => readonly number[]

/**
 * Webster's method of apportionment: the k-th unit of a group, counted from 0, goes before those with a larger (k + ½) ÷ its units, of equal ones that of the
 * larger group. So the sum is round(share × all units), each group's part is one rate times its units, rounded, and what goes for one share goes for every larger one.
 */
function groupCounts(groups: readonly UnitRanking[]): Counts {
  const order = groups
    .flatMap(({ units }, group) => Array.from({ length: units }, (_, k) => ({ group, units, place: (k + 0.5) / units })))
    .sort((a, b) => a.place - b.place || b.units - a.units || a.group - b.group)
  const total = unitsOf(groups)
  return (share) => {
    const counts = groups.map(() => 0)
    for (const { group } of order.slice(0, Math.round(share * total))) counts[group]!++
    return counts
  }
}

function globalCounts(groups: readonly UnitRanking[], orders: readonly (readonly number[])[], limits: RankLimits): Counts {
  const { minUnits, comparable = false } = limits
  const candidates = groups.flatMap(({ scores, least = 1 }, group) => {
    const mean = comparable ? 1 : scores.reduce((a, b) => a + b, 0) / scores.length
    // The last units of a group stay, whatever their scores.
    const order = orders[group]!.slice(0, -Math.max(minUnits, least))
    return order.map((unit) => ({ group, score: mean === 0 ? 0 : scores[unit]! / mean }))
  })
  const ranking = ascending(candidates.map(({ score }) => score)).map((index) => candidates[index]!.group)
  const total = unitsOf(groups)
  return (share) => {
    const counts = groups.map(() => 0)
    for (const group of ranking.slice(0, Math.round(share * total))) counts[group]!++
    return counts
  }
}

/** Groups with as many units lose as many: the mean of what each would lose, rounded. */
function evened(groups: readonly UnitRanking[], counts: readonly number[]): number[] {
  const means = new Map<number, number>()
  for (const { units } of groups) {
    const alike = counts.filter((_, i) => groups[i]!.units === units)
    means.set(units, Math.round(alike.reduce((a, b) => a + b, 0) / alike.length))
  }
  return groups.map(({ units }) => means.get(units)!)
}

export function unitsOf(groups: readonly { readonly units: number }[]): number {
  return groups.reduce((total, { units }) => total + units, 0)
}

function ascending(scores: ArrayLike<number>): number[] {
  return Array.from(scores, (_, i) => i).sort((a, b) => scores[a]! - scores[b]! || a - b)
}

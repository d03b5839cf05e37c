import { exchanged, leastSummed, type Random } from './exchange.js'
import type { Choice, LevelledWeight } from './ladder.js'
import type { BestFrom } from './state.js'

export interface LevelSearch {
  readonly weights: readonly LevelledWeight[]
  readonly start: Choice
  readonly random: Random
  /** How many more trials may be made. */
  left(): number
  /** Scores of choices over the first part of the samples, a share from above 0 up to 1: lower is better, NaN where a choice cannot be had. */
  score(choices: readonly Choice[], share: number): Promise<readonly number[]>
  /** Called with the best choice whenever it changes. */
  onBest?(score: number, from: BestFrom): void
}

export interface FoundLevels {
  readonly choice: Choice
  /** Over all samples. */
  readonly score: number
}

/** Children of one generation, and those that are left after the first and second look. */
const OFFSPRING = 16
const SURVIVORS = 4
/** Shares of the samples that are looked at first. */
const FIRST = 1 / 16
const SECOND = 1 / 4

/**
 * The best levels found: each weight alone goes to other levels, what that costs is added up, and so again around the best for as long as it helps; then, generation
 * by generation, children of the best exchange levels of two or three pairs of weights, and the best of them on a few samples meets its parent on all (EvoPress, Sieberling et al. 2025, arXiv
 * 2410.14649). The total cost stays what it is. Never worse than the start on the samples that it scores on.
 */
export async function searchLevels(search: LevelSearch): Promise<FoundLevels> {
  const { weights, start, left, score, onBest } = search
  const [startScore] = await score([start], 1)
  let best: FoundLevels = { choice: start, score: startScore! }
  onBest?.(best.score, 'start')
  const take = (choice: Choice | undefined, score: number | undefined, from: BestFrom) => {
    if (choice === undefined || !(score! < best.score)) return
    best = { choice, score: score! }
    onBest?.(best.score, from)
  }
  for (let round = 0; ; round++) {
    const before = best
    const probes = probesOf(weights, before.choice, PROBED[round] ?? PROBED.at(-1)!)
    if (left() <= probes.length + REACHES.length) break
    const summed = await fromCurves(search, before.choice, probes)
    const scores = await score(summed, 1)
    for (const [i, choice] of summed.entries()) take(choice, scores[i], 'curves')
    if (best === before) break
  }
  for (;;) {
    const children = childrenOf(best.choice, Math.min(OFFSPRING, left() - SURVIVORS - 1), search)
    if (children.length === 0) break
    const first = await score(children, FIRST)
    const second = lowest(children, first, SURVIVORS)
    const [last] = lowest(second, await score(second, SECOND), 1)
    if (last === undefined) continue
    const [own] = await score([last], 1)
    take(last, own, 'offspring')
  }
  return best
}

function childrenOf(parent: Choice, most: number, { weights, random }: LevelSearch): readonly Choice[] {
  const children = new Map<string, Choice>()
  for (let i = 0; i < 4 * most && children.size < most; i++) {
    const few = () => 1 + Math.floor(3 * random())
    const child = exchanged(weights, parent, { exchanges: Math.min(few(), few()), random })
    if (child !== undefined && String(child) !== String(parent)) children.set(String(child), child)
  }
  return [...children.values()]
}

/** The choices with the lowest scores, ties in order; NaN is none. */
function lowest(choices: readonly Choice[], scores: readonly number[], most: number): readonly Choice[] {
  const order = [...choices.keys()].filter((i) => !Number.isNaN(scores[i])).sort((a, b) => scores[a]! - scores[b]! || a - b)
  return order.slice(0, most).map((i) => choices[i]!)
}

interface SingleMove {
  readonly weight: number
  readonly level: number
  readonly choice: Choice
}

/** How many levels off a weight is tried alone, in the first round and in those that follow; what lies between is read off a parabola. */
const PROBED = [2, 1]
/** Sums of losses are trusted so many levels from where they were measured. */
const REACHES = [1, 2, 4]

function probesOf(weights: readonly LevelledWeight[], around: Choice, far: number): readonly SingleMove[] {
  return weights.flatMap(({ costs }, weight) =>
    [-far, far].flatMap((by) => {
      const level = Math.min(Math.max(around[weight]! + by, 0), costs.length - 1)
      return level === around[weight] ? [] : [{ weight, level, choice: around.map((each, w) => (w === weight ? level : each)) }]
    }),
  )
}

/** The choices that losses of single moves suggest, near where these were measured and further off. */
async function fromCurves(
  { weights, score }: LevelSearch,
  around: Choice,
  probes: readonly SingleMove[],
): Promise<readonly Choice[]> {
  const [none, ...scores] = await score([around, ...probes.map(({ choice }) => choice)], SECOND)
  const losses = weights.map((_, w) => {
    const own = probes.flatMap(({ weight, level }, i) => (weight === w ? [{ level, loss: scores[i]! - none! }] : []))
    return [...own, { level: around[w]!, loss: 0 }].sort((a, b) => a.level - b.level)
  })
  const choices = REACHES.map((reach) => {
    const near = weights.map(({ costs }, w) =>
      costs.map((_, level) => (Math.abs(level - around[w]!) > reach ? undefined : onCurve(losses[w]!, level))),
    )
    return leastSummed(weights, near, around)
  })
  const levels = choices.filter((choice) => choice !== undefined)
  return [...new Map(levels.map((choice) => [String(choice), choice])).values()]
}

/** The polynomial through two or three points (Lagrange). Undefined where only the middle is known, or a loss is no number. */
function onCurve(points: readonly { readonly level: number; readonly loss: number }[], level: number): number | undefined {
  const measured = points.filter(({ loss }) => !Number.isNaN(loss))
  if (measured.length < 2) return measured[0]?.level === level ? 0 : undefined
  return measured.reduce((sum, { level: own, loss }) => {
    const others = measured.filter((point) => point.level !== own)
    return sum + others.reduce((product, other) => (product * (level - other.level)) / (own - other.level), loss)
  }, 0)
}

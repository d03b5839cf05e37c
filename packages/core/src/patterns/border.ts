import { BUCKETS, digitReader, rangeOf } from '../backend/keys.js'

/** Scores of what goes or stays as a whole, of some that follow one another. */
export interface ScoreRun {
  readonly first: number
  readonly scores: Float64Array
  /** Elements that become zero with each. */
  readonly added: Float64Array
}

/** The scores of one weight, read again each time. */
export type ScoredStream = () => AsyncIterable<ScoreRun>

/** The first that stays, in the order of scores, weights and numbers. */
export interface Border {
  readonly score: number
  readonly weight: number
  readonly tile: number
}

export interface Candidate extends Border {
  readonly added: number
}

/**
 * Finds where the lowest scores end; undefined where all may go without more than `budget` elements becoming zero. Narrows down by digits of the score, 16 bits a pass, until what is left
 * fits into memory or is all equal.
 */
export async function findBorder(streams: readonly ScoredStream[], budget: number): Promise<Border | undefined> {
  const digitOf = digitReader('f64')
  const digits: number[] = []
  let range: Range = { low: -Infinity, high: Infinity }
  let left = Math.max(budget, 0)
  do {
    const { added, sizes } = await histogram(streams, range, (score) => digitOf(score, digits.length))
    let digit = 0
    while (digit < BUCKETS && added[digit]! <= left) left -= added[digit++]!
    if (digit === BUCKETS) return undefined
    digits.push(digit)
    range = rangeOf(digits, 'f64')
    if (sizes[digit]! <= CAPACITY) return borderAmong(await gather(streams, range), left)
  } while (digits.length < 4)
  return borderOfEqual(streams, range.low, left)
}

/** Most candidates that are held in memory. */
const CAPACITY = 1 << 20

interface Range {
  readonly low: number
  readonly high: number
}

async function histogram(streams: readonly ScoredStream[], { low, high }: Range, digitOf: (score: number) => number) {
  const added = new Float64Array(BUCKETS)
  const sizes = new Float64Array(BUCKETS)
  for (const stream of streams) {
    for await (const { scores, added: elements } of stream()) {
      for (let t = 0; t < scores.length; t++) {
        if (!(scores[t]! >= low && scores[t]! <= high)) continue
        const digit = digitOf(scores[t]!)
        added[digit]! += elements[t]!
        sizes[digit]!++
      }
    }
  }
  return { added, sizes }
}

async function gather(streams: readonly ScoredStream[], { low, high }: Range): Promise<Candidate[]> {
  const all: Candidate[] = []
  for (const [weight, stream] of streams.entries()) {
    for await (const { first, scores, added } of stream()) {
      for (let t = 0; t < scores.length; t++) {
        const score = scores[t]!
        if (score >= low && score <= high) all.push({ score, weight, tile: first + t, added: added[t]! })
      }
    }
  }
  return all
}

/** Finds the border among the candidates, which it sorts. */
export function borderAmong(candidates: Candidate[], budget: number): Border | undefined {
  let left = Math.max(budget, 0)
  candidates.sort((a, b) => a.score - b.score || a.weight - b.weight || a.tile - b.tile)
  return candidates.find(({ added }) => {
    left -= added
    return left < 0
  })
}

/** The border among more equal ones than are held in memory: they are counted off in order. */
async function borderOfEqual(streams: readonly ScoredStream[], score: number, budget: number): Promise<Border | undefined> {
  let left = budget
  for (const [weight, stream] of streams.entries()) {
    for await (const { first, scores, added } of stream()) {
      for (let t = 0; t < scores.length; t++) {
        if (scores[t] !== score) continue
        left -= added[t]!
        if (left < 0) return { score, weight, tile: first + t }
      }
    }
  }
  return undefined
}

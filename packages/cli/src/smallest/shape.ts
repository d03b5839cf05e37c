import type { CandidateSize, ModelCandidate, TriedCandidate } from './candidate.js'
import { candidateAt, STEPS } from './sequence.js'

interface ShapeSearch {
  readonly free: number
  readonly seed: number
  /** As by what is made small. */
  readonly compare: (one: TriedCandidate, other: TriedCandidate) => number
  /** Its size, or that it cannot be made. */
  readonly make: (candidate: ModelCandidate) => Promise<TriedCandidate>
  readonly measure: (candidate: ModelCandidate) => Promise<TriedCandidate>
  readonly isLate: () => boolean
}

/** How far each of several steps goes, as a part of the one that goes furthest. */
export type RatioShape = readonly number[]

/** Of the smallest with the same ratio in all steps: shapes are compared where they are so much smaller. */
const TARGET = 0.9

/** What one step becomes: left out, or all that is left. Then more or less, of a part of 0 a little. */
const ROUNDS: readonly ((part: number) => readonly number[])[] = [
  () => [0, Number.POSITIVE_INFINITY],
  (part) => (part === 0 ? [0.3] : [part / 2, part * 2]),
  (part) => (part === 0 ? [0.1] : [part * 0.7, part * 1.4]),
]

/**
 * How far each of several steps should go, so that a model of a wanted size stays nearest to the reference: a tenth smaller than `even`, the smallest with one ratio for all. From all
 * alike on, one step at a time goes further or less far, in an order that follows from the seed, and the others make up for it; what is nearer is kept, and
 * moved on from. Undefined: all alike is nearest. Nearness is the KL divergence from the reference's outputs, which noise blurs far less than the answers that the gate counts, so that
 * nothing is chosen by luck on those; where outputs are no scores of classes it is the upper end of the drop's interval.
 */
export async function findShape(
  even: TriedCandidate,
  { free, seed, compare, make, measure, isLate }: ShapeSearch,
): Promise<RatioShape | undefined> {
  const { bits } = even
  const wanted = { ...even, size: scaledSize(even.size!, TARGET) }
  const random = drawn(seed)
  const alike: RatioShape = new Array<number>(free).fill(1)
  let nearest = { shape: alike, distance: await distanceOf(alike) }
  const seen = new Set([String(alike)])
  for (const partsOf of ROUNDS) {
    const moves = nearest.shape.flatMap((part, at) => partsOf(part).map((to) => ({ at, to })))
    for (const { at, to } of shuffled(moves, random)) {
      const shape = scaled(nearest.shape.map((part, i) => (i === at ? to : Number.isFinite(to) ? part : 0)))
      if (shape === undefined || seen.has(String(shape))) continue
      if (isLate()) break
      seen.add(String(shape))
      const distance = await distanceOf(shape)
      if (distance < nearest.distance) nearest = { shape, distance }
    }
  }
  return nearest.shape === alike ? undefined : nearest.shape

  async function distanceOf(shape: RatioShape): Promise<number> {
    const step = await firstSmaller(shape)
    if (step === undefined) return Number.POSITIVE_INFINITY
    const { kl, drop } = await measure(candidateAt({ bits, shape }, step))
    return kl ?? drop?.interval[1] ?? Number.POSITIVE_INFINITY
  }

  /** The least step of a shape that is as small as wanted. Each larger one makes a still smaller one. */
  async function firstSmaller(shape: RatioShape): Promise<number | undefined> {
    let [low, high] = [0, STEPS]
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      const made = await make(candidateAt({ bits, shape }, middle))
      if (made.outcome !== 'impossible' && compare(made, wanted) > 0) low = middle
      else high = middle
    }
    return high === STEPS ? undefined : high
  }
}

function scaledSize({ bytes, zippedBytes, parameters, macs }: CandidateSize, by: number): CandidateSize {
  return { bytes: bytes * by, zippedBytes: zippedBytes * by, parameters: parameters * by, macs: macs === null ? null : macs * by }
}

/** Parts of the largest, to a hundredth. Undefined where nothing is left. */
function scaled(parts: readonly number[]): number[] | undefined {
  const most = Math.max(...parts)
  if (most === Number.POSITIVE_INFINITY) return parts.map((part) => Number(part === most))
  return most === 0 ? undefined : parts.map((part) => Math.round((part / most) * STEPS) / STEPS)
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const all = [...items]
  for (let i = all.length - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1))
    ;[all[i], all[other]] = [all[other]!, all[i]!]
  }
  return all
}

/** Numbers from 0 to 1 that follow from the seed (Park and Miller 1988). */
function drawn(seed: number): () => number {
  let state = (seed % 2147483646) + 1
  return () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
}

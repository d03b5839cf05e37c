import type { Floats, SaliencyRange } from '../backend/backend.js'
import { kth } from '../backend/kth.js'
import { firstOf, readStretches, type SaliencySample, sampleAll, sampleRange } from '../backend/sample.js'
import type { WeightSource } from '../backend/stream.js'
import { STEP } from '../backend/vector/loop-memory.js'
import type { Scoring } from './scoring.js'

/** Where the saliency of some rank lies, very probably, and how many saliencies lie there, about. */
export interface Guess extends SaliencyRange {
  readonly size: number
}

/** Elements from which on a sample is worth its reads, of some milliseconds. */
const WORTH = 1 << 22
/** Of a kernel that reads in place: how many stretches are looked at, more where weights are many, the share of all elements that they are, and the most that one has. */
const IN_PLACE = { least: 128, perWeight: 32, most: 512, share: 1 / 64, longest: 1 << 15 }
/** How many elements are ranked first, to find the range that the others are looked through for. */
const FIRST = 1 << 16
/** Of other kernels, which count what is below a range no faster than they rank. */
const OTHERS = { count: 512, length: 512 }

const LARGEST = { f32: 2 ** 128 - 2 ** 104, f64: Number.MAX_VALUE } as const

/** From a sample, and where it is large and soon had a second one. Undefined where there are few elements, or where no small range would do. */
export async function guessRange(sources: readonly WeightSource[], rank: number, scoring: Scoring): Promise<Guess | undefined> {
  const most = LARGEST[scoring.precision]
  // Zeros are −∞, below every range.
  if (rank === 0) return { low: -most, high: -most, size: 0 }
  const total = sources.reduce((sum, { elements }) => sum + elements, 0)
  if (total < WORTH) return undefined
  const sizes = scoring.kernel.buffers === undefined ? OTHERS : sizesInPlace(sources.length, total)
  const stretches = await readStretches(sources, sizes, scoring.precision)
  const first = FIRST / sizes.count
  const isShort = sizes === OTHERS || sizes.length <= first
  const sample = await sampleAll(isShort ? stretches : stretches.map((stretch) => firstOf(stretch, first)), scoring)
  // NaN and Infinity are refused by whoever reads all.
  if (countBelow(sample.saliency, Infinity) < sample.saliency.length) return undefined
  const range = rangeOf(sample, { low: -most, high: most }, { rank, total })
  if (isShort) return range
  const seen = sizes.count * sizes.length
  const second = await sampleRange(stretches, { ...range, most: Math.ceil(2 * range.size * (seen / total)) }, scoring)
  return second === undefined ? range : rangeOf(second, range, { rank, total })
}

function sizesInPlace(weights: number, total: number) {
  const { least, perWeight, most, share, longest } = IN_PLACE
  const count = Math.min(Math.max(least, perWeight * weights), most)
  return { count, length: Math.min(STEP * Math.ceil(((total / count) * share) / STEP), longest) }
}

/** Within `bounds`, which the saliencies of the sample are in. */
function rangeOf(
  { saliency, parts }: SaliencySample,
  bounds: SaliencyRange,
  { rank, total }: { rank: number; total: number },
): Guess {
  const seen = parts.reduce((sum, part) => sum + part.seen, 0)
  const place = (rank / total) * seen - parts.reduce((sum, part) => sum + part.below, 0)
  const at = (n: number) => (n < 1 ? bounds.low : n > saliency.length ? bounds.high : Math.max(kth(saliency, n), bounds.low))
  const margin = ERRORS * standardError({ saliency, parts }, at(Math.ceil(place))) * seen + 2
  const [low, high] = [at(Math.floor(place - margin)), at(Math.ceil(place + margin))]
  const inside = saliency.length - countBelow(saliency, low) - countAbove(saliency, high)
  return { low, high, size: Math.ceil((inside / seen) * total) }
}

/** Standard errors on either side: one guess in some thousands is wrong, and costs two passes. */
const ERRORS = 4

/**
 * Of the share of saliencies below `value`. Each stretch counts as one observation x. What weights differ by is no error but at their ends, since stretches at
 * even distances see each weight in due proportion, and half a stretch more or less. So neighbours tell: √(Σ (xᵢ₊₁ − xᵢ)² ÷ (2 within a weight, 12 between
 * two)) ÷ n (successive differences, Wolter 1985; the variance of a remainder that is anything from −½ to ½).
 */
function standardError({ saliency, parts }: SaliencySample, value: number): number {
  let squares = 0
  let before: { readonly source: WeightSource; readonly share: number } | undefined
  for (const { source, seen, below, start, end } of parts) {
    const share = (below + countBelow(saliency.subarray(start, end), value)) / seen
    if (before !== undefined) squares += (share - before.share) ** 2 / (source === before.source ? 2 : 12)
    before = { source, share }
  }
  return Math.sqrt(squares) / parts.length
}

function countBelow(saliency: Floats, value: number): number {
  let count = 0
  for (let i = 0; i < saliency.length; i++) count += -(saliency[i]! < value) & 1
  return count
}

function countAbove(saliency: Floats, value: number): number {
  let count = 0
  for (let i = 0; i < saliency.length; i++) count += -(saliency[i]! > value) & 1
  return count
}

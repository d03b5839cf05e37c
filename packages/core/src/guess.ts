import type { Floats, SaliencyRange } from './backend.js'
import { kth } from './kth.js'
import { STEP } from './loop-memory.js'
import { firstOf, readStretches, type Sample, sampleAll, sampleRange } from './sample.js'
import type { Scoring } from './scoring.js'
import type { Source } from './stream.js'

/** Where the saliency of some rank lies, very probably, and how many saliencies lie there, about. */
export interface Guess extends SaliencyRange {
  readonly size: number
}

/** Elements from which on a sample is worth its reads, of some milliseconds. */
const WORTH = 1 << 22
/** Of a kernel that reads in place: stretches that are looked at, the share of all elements that they are, and the most that one has. */
const IN_PLACE = { stretches: 256, share: 1 / 32, most: 1 << 15 }
/** Elements of each that are ranked first, to find the range that the others are looked through for. */
const FIRST = 256
/** Of other kernels, which count what is below a range no faster than they rank. */
const OTHERS = { count: 512, length: 512 }

const LARGEST = { f32: 2 ** 128 - 2 ** 104, f64: Number.MAX_VALUE } as const

/** From a sample, and where it is large and soon had a second one. Undefined where there are few elements, or where no small range would do. */
export async function guessRange(sources: readonly Source[], rank: number, scoring: Scoring): Promise<Guess | undefined> {
  const most = LARGEST[scoring.precision]
  // Zeros are −∞, below every range.
  if (rank === 0) return { low: -most, high: -most, size: 0 }
  const total = sources.reduce((sum, { elements }) => sum + elements, 0)
  if (total < WORTH) return undefined
  const sizes = scoring.kernel.buffers === undefined ? OTHERS : sizesInPlace(total)
  const stretches = await readStretches(sources, sizes, scoring.precision)
  const isShort = sizes === OTHERS || sizes.length <= FIRST
  const sample = await sampleAll(isShort ? stretches : stretches.map((stretch) => firstOf(stretch, FIRST)), scoring)
  // NaN and Infinity are refused by whoever reads all.
  if (countBelow(sample.saliency, Infinity) < sample.saliency.length) return undefined
  const first = rangeOf(sample, { low: -most, high: most }, { rank, total })
  if (isShort) return first
  const seen = sizes.count * sizes.length
  const second = await sampleRange(stretches, { ...first, most: Math.ceil(2 * first.size * (seen / total)) }, scoring)
  return second === undefined ? first : rangeOf(second, first, { rank, total })
}

function sizesInPlace(total: number) {
  const { stretches, share, most } = IN_PLACE
  return { count: stretches, length: Math.min(STEP * Math.ceil(((total / stretches) * share) / STEP), most) }
}

/** Within `bounds`, which the saliencies of the sample are in. */
function rangeOf({ saliency, parts }: Sample, bounds: SaliencyRange, { rank, total }: { rank: number; total: number }): Guess {
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
 * Of the share of saliencies below `value`. Stretches may differ, so each counts as one observation; but what layers differ by is no error, since
 * stretches at even distances see each in due proportion. So it is estimated from neighbours: √(Σ (xᵢ₊₁ − xᵢ)² ÷ 2) ÷ n (successive differences, Wolter 1985).
 */
function standardError({ saliency, parts }: Sample, value: number): number {
  const shares = parts.map(({ seen, below, start, end }) => (below + countBelow(saliency.subarray(start, end), value)) / seen)
  const squares = shares.slice(1).reduce((sum, share, i) => sum + (share - shares[i]!) ** 2, 0)
  return Math.sqrt(squares / 2) / shares.length
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

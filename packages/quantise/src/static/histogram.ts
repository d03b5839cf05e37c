import type { RangeRule } from '../choices.js'
import { type ActivationRange, MOST_ACTIVATION } from './activation.js'

/** How often the numbers of a value fall in each of equal stretches of its range. */
export interface Histogram {
  readonly range: ActivationRange
  readonly counts: Float64Array
  /** Counts more of its numbers, but for zeros, which have a code of their own. Those outside of the range count at its ends. */
  add(numbers: ArrayLike<number | bigint>): void
}

const BINS = 2048

export function emptyHistogram(range: ActivationRange): Histogram {
  const counts = new Float64Array(BINS)
  const { low, high } = range
  const perUnit = high === low ? 0 : BINS / (high - low)
  return {
    range,
    counts,
    add(numbers) {
      for (let i = 0; i < numbers.length; i++) {
        if (Number(numbers[i]) === 0) continue
        const bin = Math.floor((Number(numbers[i]) - low) * perUnit)
        counts[Math.max(0, Math.min(BINS - 1, bin))]!++
      }
    },
  }
}

/**
 * A range that leaves out what is rare. 'percentile': one in ten thousand on either side. 'mse': as much as makes the mean squared error of rounding
 * and clipping least (Nagel et al. 2021, arXiv 2106.08295, section 3.1), first above and then below, among a hundred shares of either side.
 */
export function narrowed({ range, counts }: Histogram, rule: Exclude<RangeRule, 'minmax'>): ActivationRange {
  const { id, low, high } = range
  const width = (high - low) / BINS
  if (width === 0) return range
  const f32 = (from: number, to: number) => ({ id, low: Math.min(0, Math.fround(from)), high: Math.max(0, Math.fround(to)) })
  if (rule === 'percentile') return f32(low + width * binAt(counts, TAIL), high - width * binAt([...counts].reverse(), TAIL))
  const above = bestShare((share) => squaredError(counts, range, { low, high: high * share }))
  const below = bestShare((share) => squaredError(counts, range, { low: low * share, high: high * above }))
  return f32(low * below, high * above)
}

/** Of 1, 0.99 … the one with the least error. */
function bestShare(errorOf: (share: number) => number): number {
  const shares = Array.from({ length: 100 }, (_, i) => 1 - i / 100)
  const errors = shares.map(errorOf)
  return shares[errors.indexOf(Math.min(...errors))]!
}

const TAIL = 1e-4

/** How many bins at the beginning hold no more than this share of all numbers. */
function binAt(counts: ArrayLike<number>, share: number): number {
  let most = share * Array.from(counts).reduce((a, b) => a + b, 0)
  let bin = 0
  for (; bin < counts.length - 1 && counts[bin]! <= most; bin++) most -= counts[bin]!
  return bin
}

type Ends = Pick<ActivationRange, 'low' | 'high'>

/** Of numbers in the middle of their bins, when all are rounded to codes between two ends. */
function squaredError(counts: Float64Array, { low, high }: Ends, ends: Ends): number {
  const width = (high - low) / counts.length
  const step = (ends.high - ends.low) / MOST_ACTIVATION
  let sum = 0
  for (let bin = 0; bin < counts.length; bin++) {
    if (counts[bin] === 0) continue
    const middle = low + (bin + 0.5) * width
    const away = Math.max(ends.low - middle, middle - ends.high, 0)
    // A number between the ends is off by what uniform rounding is off by, on average.
    sum += counts[bin]! * (away > 0 ? away * away : (step * step) / 12)
  }
  return sum
}

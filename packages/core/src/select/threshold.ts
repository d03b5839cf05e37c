import type { Candidates, Floats, SaliencyRange, SaliencyTally } from '../backend/backend.js'
import { BUCKETS, DIGITS, digitReader, notFinite, rangeOf, ZEROS } from '../backend/keys.js'
import { kth } from '../backend/kth.js'
import { readChunks, type WeightSource } from '../backend/stream.js'
import { guessRange } from './guess.js'
import { notFiniteError } from './not-finite.js'
import { saliencyOf } from './saliency.js'
import type { Scoring } from './scoring.js'

/** Which elements of one weight are masked: those with a saliency below `below`, and of those equal to it the ones before element `until`. */
export interface Threshold {
  /** Null: nothing is masked. */
  readonly below: number | null
  readonly until: number
}

/** What selection decided for one weight. */
export interface Selection {
  /** Elements that are zero without us. They count as masked. */
  readonly zeros: number
  /** Elements that are zero afterwards. */
  readonly masked: number
  readonly rule: Threshold
}

export const NOTHING: Threshold = { below: null, until: 0 }

/**
 * Chooses exactly `count` elements of `sources` to be zero: those that are zero already, then the least salient, ties in order of position.
 * Where more are zero already, nothing is masked.
 *
 * Of many elements a sample tells where the threshold lies, in one of some fifty ranges; one pass over the weights counts what lies below the range, and
 * gathers it. Where the sample was wrong, and of few elements, it takes two passes: one counts saliencies by the upper 16 bits of their keys, which
 * leaves one bucket in which the threshold lies; one gathers that bucket. A bucket too large to be gathered (many equal saliencies) is narrowed by further
 * passes. Needs 16 bytes × CAPACITY at most.
 */
export async function selectLowest(sources: readonly WeightSource[], count: number, scoring: Scoring): Promise<Selection[]> {
  return (await selectBySample(sources, count, scoring)) ?? (await selectByHistogram(sources, count, scoring))
}

/** Most saliencies that are held in memory. */
const CAPACITY = 1 << 22

/** Undefined where no small range is likely to hold the threshold, or the likely one did not. */
async function selectBySample(
  sources: readonly WeightSource[],
  count: number,
  scoring: Scoring,
): Promise<Selection[] | undefined> {
  const guess = await guessRange(sources, count, scoring)
  if (guess === undefined || guess.size > CAPACITY / 2) return undefined
  const gathered = await gather(sources, { ...guess, size: Math.ceil(1.25 * guess.size) }, scoring)
  const zeros = gathered.parts.map((part) => part.zeros)
  if (count <= sum(zeros)) return nothingMore(zeros)
  const rank = count - sum(gathered.parts.map(({ below }) => below))
  const { length, saliency } = gathered.all
  if (length > saliency.length || rank < 1 || rank > length) return undefined
  return settle(borderIn(gathered, rank, sources), rank, zeros)
}

async function selectByHistogram(sources: readonly WeightSource[], count: number, scoring: Scoring): Promise<Selection[]> {
  const { counts, zeros } = await histogram(sources, scoring)
  if (count <= sum(zeros)) return nothingMore(zeros)
  let bucket = find(counts, count)
  const digits = [bucket.digit]
  while (bucket.size > CAPACITY && digits.length < DIGITS[scoring.precision]) {
    bucket = find(await narrow(sources, digits, scoring), bucket.rank)
    digits.push(bucket.digit)
  }
  const range = rangeOf(digits, scoring.precision)
  const border =
    bucket.size > CAPACITY
      ? await tally(sources, range.low, scoring)
      : borderIn(await gather(sources, { ...range, ...bucket }, scoring), bucket.rank, sources)
  return settle(border, bucket.rank, zeros)
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
const nothingMore = (zeros: readonly number[]) => zeros.map((n) => ({ zeros: n, masked: n, rule: NOTHING }))

/** Counts saliencies by bucket, and the zeros of each weight. */
async function histogram(sources: readonly WeightSource[], scoring: Scoring) {
  const { kernel, precision } = scoring
  const counts = new Float64Array(BUCKETS)
  const zeros: number[] = []
  kernel.clear()
  let seen = 0
  let zerosBefore = 0
  for (const source of sources) {
    for await (const chunk of readChunks(source, scoring)) await kernel.histogram(chunk)
    const own = await kernel.counts()
    zeros.push(own[ZEROS[precision]]! - zerosBefore)
    zerosBefore = own[ZEROS[precision]]!
    if (notFinite(own, precision) > 0) throw await notFiniteError(source, scoring, scoring.criterion)
    seen += source.elements
    if (seen > 2 ** 31 || source === sources.at(-1)) {
      for (let b = 0; b < BUCKETS; b++) counts[b]! += own[b]!
      kernel.clear()
      seen = 0
      zerosBefore = 0
    }
  }
  return { counts, zeros }
}

/** The digit under which the element of that rank lies, how many lie there, and its rank among them. */
function find(counts: Float64Array, rank: number) {
  let digit = 0
  let left = rank
  while (counts[digit]! < left) left -= counts[digit++]!
  return { digit, size: counts[digit]!, rank: left }
}

/** Counts, by their next digit, the saliencies whose keys begin with `digits`. */
async function narrow(sources: readonly WeightSource[], digits: readonly number[], scoring: Scoring) {
  const { kernel, precision } = scoring
  const { low, high } = rangeOf(digits, precision)
  const counts = new Float64Array(BUCKETS)
  const digitOf = digitReader(precision)
  for (const source of sources) {
    for await (const chunk of readChunks(source, scoring)) {
      const saliency = await saliencyOf(kernel, chunk)
      for (let i = 0; i < saliency.length; i++) {
        const s = saliency[i]!
        if (s >= low && s <= high) counts[digitOf(s, digits.length)]!++
      }
    }
  }
  return counts
}

/** The threshold's value, and what each weight has below and at it. */
interface Border {
  readonly value: number
  readonly parts: readonly Part[]
  /** How many elements of all weights lie below the range that the rank is counted in, but not below `value`: 0 where all are equal. */
  readonly lower: number
}

interface Part {
  readonly elements: number
  readonly below: number
  readonly ties: number
  /** Index in the weight of its n-th tie, from 0. */
  position(n: number): Promise<number>
}

/** The saliencies of a range, and what each weight has of them. */
interface Gathered {
  readonly all: Candidates
  readonly parts: readonly (SaliencyTally & { readonly start: number; readonly end: number })[]
}

/** Of at most `size` saliencies; more are only counted. Throws PareError where one is not finite. */
async function gather(
  sources: readonly WeightSource[],
  range: SaliencyRange & { size: number },
  scoring: Scoring,
): Promise<Gathered> {
  const saliency = scoring.precision === 'f32' ? new Float32Array(range.size) : new Float64Array(range.size)
  const all: Candidates = { saliency, index: new Float64Array(range.size), length: 0 }
  const parts: (SaliencyTally & { start: number; end: number })[] = []
  for (const source of sources) {
    const start = all.length
    const tally = await collect(source, range, { into: all, scoring })
    if (!tally.finite) throw await notFiniteError(source, scoring, scoring.criterion)
    parts.push({ ...tally, start, end: all.length })
  }
  return { all, parts }
}

/** The border at one of the saliencies that were gathered, counted from 1. */
function borderIn({ all: { saliency, index, length }, parts }: Gathered, rank: number, sources: readonly WeightSource[]): Border {
  const value = kth(saliency.subarray(0, length), rank)
  let lower = 0
  const shares = parts.map(({ below, start, end }, i): Part => {
    const { own, ties } = split(saliency.subarray(start, end), value)
    lower += own
    return {
      ...{ elements: sources[i]!.elements, below: below + own, ties: ties.length },
      position: async (n) => index[start + ties[n]!]!,
    }
  })
  return { value, parts: shares, lower }
}

/** How many lie below a value, and the places of those that are equal to it. */
function split(saliency: Floats, value: number): { readonly own: number; readonly ties: readonly number[] } {
  const ties: number[] = []
  let own = 0
  for (let i = 0; i < saliency.length; i++) {
    own += -(saliency[i]! < value) & 1
    if (saliency[i] === value) ties.push(i)
  }
  return { own, ties }
}

/** The border where more saliencies than fit are equal to `value`: they are counted, and the weight in which the threshold ends is read again. */
async function tally(sources: readonly WeightSource[], value: number, scoring: Scoring): Promise<Border> {
  const parts: Part[] = []
  const only = { low: value, high: value }
  for (const source of sources) {
    const into = { ...noCandidates(), length: 0 }
    const { below } = await collect(source, only, { into, scoring })
    parts.push({ elements: source.elements, below, ties: into.length, position: (n) => nthTie(source, { value, n }, scoring) })
  }
  return { value, parts, lower: 0 }
}

/** Candidates that are counted and not kept: writing past the end of a typed array does nothing. */
const noCandidates = () => ({ saliency: new Float64Array(0), index: new Float64Array(0) })

async function collect(
  source: WeightSource,
  range: SaliencyRange,
  { into, scoring }: { into: Candidates; scoring: Scoring },
): Promise<SaliencyTally> {
  const all = { below: 0, zeros: 0, finite: true }
  for await (const chunk of readChunks(source, scoring)) {
    const { below, zeros, finite } = await scoring.kernel.collect(chunk, range, into)
    all.below += below
    all.zeros += zeros
    all.finite &&= finite
  }
  return all
}

async function nthTie(source: WeightSource, { value, n }: { value: number; n: number }, scoring: Scoring): Promise<number> {
  let seen = 0
  for await (const chunk of readChunks(source, scoring)) {
    const { length } = chunk.weights
    const into = { saliency: new Float64Array(length), index: new Float64Array(length), length: 0 }
    await scoring.kernel.collect(chunk, { low: value, high: value }, into)
    if (seen + into.length > n) return into.index[n - seen]!
    seen += into.length
  }
  throw new Error(`'${source.weight.id}' has ${seen} ties at ${value}, and tie ${n} was asked for`)
}

/** Hands out the ties in order until `rank` elements of the range are masked. */
async function settle({ value, parts, lower }: Border, rank: number, zeros: readonly number[]): Promise<Selection[]> {
  let left = rank - lower
  const selections: Selection[] = []
  for (const [i, part] of parts.entries()) {
    const ties = Math.min(part.ties, left)
    left -= ties
    const until = ties === 0 ? 0 : ties === part.ties ? part.elements : (await part.position(ties - 1)) + 1
    selections.push({ zeros: zeros[i]!, masked: part.below + ties, rule: { below: value, until } })
  }
  return selections
}

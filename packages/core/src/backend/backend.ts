import type { Expression } from '../contract/contract.js'
import type { RandomStream } from './random.js'

/**
 * Evaluates saliency expressions and everything that is done per element. All backends agree with `reference` bit for bit, sums of `addScores` apart:
 * those within 1e-6 of the sum of their terms' sizes.
 */
export interface Backend {
  readonly name: string
  /** How much of a weight it wants at a time. Default: CHUNK_BYTES */
  readonly chunkBytes?: number
  compile(expression: Expression, precision: Precision): Kernel
}

/** What a device answers later, and this thread at once. Callers wait for it, and then ask for the next. */
export type Awaitable<T> = T | Promise<T>

/** Weights of f16, bf16 and f32 are computed in f32, weights of f64 in f64. */
export type Precision = 'f32' | 'f64'
export type Floats = Float32Array | Float64Array

/** A stretch of a weight: its elements, widened to f32 where they are smaller, and where it begins. */
export interface Chunk {
  readonly weights: Floats
  /** Index in the weight of weights[0]. */
  readonly start: number
  readonly stream: RandomStream
  /** By key: the statistic that each weight meets. Given where the expression has statistics. */
  readonly stats?: Readonly<Record<string, Floats>>
}

/**
 * The loops over one expression. The saliency of an element that is zero already is −Infinity: nothing is lost with it, so it goes first.
 * A weight that is NaN or infinite has the saliency NaN or Infinity, which `histogram` counts in the outermost buckets.
 */
export interface Kernel {
  /** target[i] = saliency of weights[i]. */
  saliency(chunk: Chunk, target: Floats): Awaitable<void>
  /** Begins to count anew. To be called before the first `histogram`. */
  clear(): void
  /** Counts the elements whose saliency falls into each bucket (`keys.ts`). */
  histogram(chunk: Chunk): Awaitable<void>
  /** u32[65536]: what was counted since `clear`. Valid until the next call. */
  counts(): Awaitable<Uint32Array>
  /** Appends the elements with low ≤ saliency ≤ high to `into`, in order, and tells of all. Bounds are numbers of the precision. */
  collect(chunk: Chunk, range: SaliencyRange, into: Candidates): Awaitable<SaliencyTally>
  /** Where it reads weights without a copy, two at least of one size: chunks are to be read into some while it works on another. Default: anywhere */
  readonly buffers?: readonly Uint8Array[]
  /** Zeroes target[i], the bits of weights[i], unless saliency ≥ below; with `ties`, unless saliency > below. `below` is a number of the precision. */
  mask(chunk: Chunk, below: number, ties: boolean, target: Bits): Awaitable<void>
  /** Adds the saliencies of a stretch of a slice to the scores of its units, f64[units]. Elements that are zero already add nothing. */
  addScores(chunk: Chunk, layout: UnitLayout, scores: Float64Array): Awaitable<void>
}

/** To which unit each element of a tensor belongs: element e to unit units[⌊e ÷ inner⌋ mod units.length]. */
export interface UnitLayout {
  readonly inner: number
  /** −1: to none. */
  readonly units: Int32Array
  /** What is added up, or of what the largest is kept. */
  readonly put: 'sum' | 'squares' | 'max'
}

export interface SaliencyTally {
  /** Elements whose saliency lies below the range. */
  readonly below: number
  /** Elements whose saliency is −Infinity: those that are zero. */
  readonly zeros: number
  /** Whether no saliency is NaN or Infinity. */
  readonly finite: boolean
}

export interface SaliencyRange {
  readonly low: number
  readonly high: number
}

/** A list filled by `collect`; its capacity is known beforehand, and what comes beyond it is only counted. Saliencies have at least the kernel's precision. */
export interface Candidates {
  readonly saliency: Floats
  readonly index: Float64Array
  length: number
}

/** The elements of a tensor as unsigned integers: one per element, for f64 two. */
export type Bits = Uint16Array | Uint32Array

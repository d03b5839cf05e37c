import type { Expression } from './contract.js'
import type { RandomStream } from './random.js'

/** Evaluates saliency expressions and everything that is done per element. All backends agree with `reference` bit for bit. */
export interface Backend {
  readonly name: string
  compile(expression: Expression, precision: Precision): Kernel
}

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
  saliency(chunk: Chunk, target: Floats): void
  /** What `histogram` adds to: u32[65536], zero at first. It may be changed. */
  readonly counts: Uint32Array
  /** counts[b] += elements whose saliency falls into bucket b (`keys.ts`). */
  histogram(chunk: Chunk): void
  /** Appends the elements with low ≤ saliency ≤ high to `into`, in order; returns how many lie below `low`. Bounds are numbers of the precision. */
  collect(chunk: Chunk, range: SaliencyRange, into: Candidates): number
  /** Zeroes target[i], the bits of weights[i], unless saliency ≥ below; with `ties`, unless saliency > below. `below` is a number of the precision. */
  mask(chunk: Chunk, below: number, ties: boolean, target: Bits): void
}

export interface SaliencyRange {
  readonly low: number
  readonly high: number
}

/** A list filled by `collect`; its capacity is known from the histogram. */
export interface Candidates {
  readonly saliency: Float64Array
  readonly index: Float64Array
  length: number
}

/** The elements of a tensor as unsigned integers: one per element, for f64 two. */
export type Bits = Uint16Array | Uint32Array

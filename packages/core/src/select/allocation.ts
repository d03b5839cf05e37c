import { PareError } from '@pare/onnx'
import type { ALLOCATIONS } from '../choices.js'
import type { SearchOptions } from '../search/search-options.js'
import { hullOf, type LossCurve } from './loss-curves.js'

/**
 * How much of each weight goes, where scope is 'row' or 'tensor'. 'uniform': the same share of all. 'erk': more of large layers (Erdős–Rényi kernel). 'owl':
 * less of layers with many outlying saliencies. 'fisher': by one threshold of what the loss on training data feels of each element. 'search' and search: by trying
 * models out on calibration data. Curves: by measured losses of
 * each weight, by its id. Counts: so many elements of each weight, by its id, and what the loss feels of its outputs, for solvers.
 */
export type Allocation =
  | (typeof ALLOCATIONS)[number]
  | OwlOptions
  | SearchAllocation
  | { readonly curves: Readonly<Record<string, LossCurve>> }
  | CountedAllocation

export interface CountedAllocation {
  readonly counts: Readonly<Record<string, number>>
  /** f64[rows] by id of the weight. Default: not known */
  readonly felt?: Readonly<Record<string, Float64Array>>
}

export interface OwlOptions {
  readonly owl: {
    /** How far densities lie from their mean, at most about. Default: 0.08 */
    readonly lambda?: number
    /** A saliency of more than so many times the mean of its weight is an outlier. Default: 5 */
    readonly outlier?: number
  }
}

/** Shares are searched: each weight is solved at several sparsities, and models put together of them are tried on calibration data. */
export interface SearchAllocation {
  readonly search: SearchOptions
}

/** The options of a search; undefined where shares are not searched. */
export function searchOf(allocation: Allocation | undefined): SearchOptions | undefined {
  if (allocation === 'search') return {}
  return typeof allocation === 'object' && 'search' in allocation ? allocation.search : undefined
}

/** A weight whose share is to be told. */
export interface AllocatedLayer {
  readonly id: string
  readonly elements: number
  /** Outputs, channels summed over, and sizes of a kernel. */
  readonly axes: readonly number[]
}

/**
 * Densities in proportion to (n_in + n_out + k_h + k_w) / (n_in · n_out · k_h · k_w), scaled so that `zeros` elements go in all; where that is more than
 * 1 a layer stays dense, and the others share the rest. Evci et al. 2020 (RigL), arXiv 1911.11134, appendix.
 */
export function erkCounts(layers: readonly AllocatedLayer[], zeros: number): number[] {
  const kept = total(layers) - zeros
  const raw = layers.map(({ axes }) => axes.reduce((a, b) => a + b, 0) / axes.reduce((a, b) => a * b, 1))
  const isDense = layers.map(() => false)
  for (;;) {
    const rest = layers.reduce((sum, { elements }, i) => sum + (isDense[i] ? 0 : raw[i]! * elements), 0)
    const dense = layers.reduce((sum, { elements }, i) => sum + (isDense[i] ? elements : 0), 0)
    const scale = rest === 0 ? 0 : (kept - dense) / rest
    const over = layers.map((_, i) => !isDense[i] && scale * raw[i]! > 1)
    if (!over.includes(true)) {
      return wholeCounts(
        layers,
        layers.map(({ elements }, i) => (isDense[i] ? 0 : elements * (1 - scale * raw[i]!))),
        zeros,
      )
    }
    for (const [i, tooMuch] of over.entries()) if (tooMuch) isDense[i] = true
  }
}

/**
 * Densities r_l + c with r_l = 2λ · (D_l − min D) / (max D − min D), D_l being the share of outliers, clipped to 0…1, and c such that `zeros` elements go
 * in all: where all layers are of one size and nothing is clipped, c = 1 − S − mean r, as in Yin et al. 2024 (OWL), arXiv 2310.05175, §3.
 */
export function owlCounts(
  layers: readonly AllocatedLayer[],
  outliers: readonly number[],
  { zeros, lambda = 0.08 }: { zeros: number; lambda?: number },
): number[] {
  const [least, most] = [Math.min(...outliers), Math.max(...outliers)]
  const above = outliers.map((share) => (most === least ? 0 : ((share - least) / (most - least)) * 2 * lambda))
  const density = (i: number, c: number) => Math.min(Math.max(above[i]! + c, 0), 1)
  const keptWith = (c: number) => layers.reduce((sum, { elements }, i) => sum + elements * density(i, c), 0)
  const kept = total(layers) - zeros
  let [low, high] = [-1 - 2 * Math.abs(lambda), 1 + 2 * Math.abs(lambda)]
  // Halving an interval of about 2 until doubles tell no more.
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (keptWith(middle) < kept) low = middle
    else high = middle
  }
  return wholeCounts(
    layers,
    layers.map(({ elements }, i) => elements * (1 - density(i, high))),
    zeros,
  )
}

/**
 * The counts of the smallest summed loss: along the lower hulls of the curves, the stretches that lose least for each element first. Exact where curves are
 * convex; where one is not, its hull is, and at most one weight ends between two of its corners.
 */
export function curveCounts(
  layers: readonly AllocatedLayer[],
  curves: Readonly<Record<string, LossCurve>>,
  zeros: number,
): number[] {
  const stretches = layers.flatMap(({ id, elements }, layer) => {
    const hull = hullOf(curves[id] ?? missing(id), id)
    return hull.slice(1).map(({ sparsity, loss }, i) => {
      const from = hull[i]!
      return {
        layer,
        count: (sparsity - from.sparsity) * elements,
        slope: (loss - from.loss) / ((sparsity - from.sparsity) * elements),
      }
    })
  })
  const counts = layers.map(() => 0)
  let left = zeros
  for (const { layer, count } of stretches.sort((a, b) => a.slope - b.slope || a.layer - b.layer)) {
    const share = Math.min(count, left)
    counts[layer]! += share
    left -= share
  }
  // Products of sparsities and sizes are rounded.
  if (left > 1e-6 * total(layers)) throw outOfReach(total(layers), zeros, left)
  return wholeCounts(layers, counts, zeros)
}

/** Whole numbers that add up to `zeros`: rounded down, then one more for the largest fractions, ties in order. */
export function wholeCounts(layers: readonly AllocatedLayer[], counts: readonly number[], zeros: number): number[] {
  const whole = counts.map((count, i) => Math.min(Math.max(Math.floor(count + 1e-9), 0), layers[i]!.elements))
  let left = zeros - whole.reduce((a, b) => a + b, 0)
  const order = [...whole.keys()].sort((a, b) => counts[b]! - whole[b]! - (counts[a]! - whole[a]!) || a - b)
  while (left !== 0) {
    const before = left
    for (const i of left > 0 ? order : [...order].reverse()) {
      const step = Math.sign(left)
      if (step === 0 || whole[i]! + step < 0 || whole[i]! + step > layers[i]!.elements) continue
      whole[i]! += step
      left -= step
    }
    if (left === before) throw new Error(`${zeros} zeros do not fit into ${total(layers)} elements`)
  }
  return whole
}

const total = (layers: readonly AllocatedLayer[]) => layers.reduce((sum, { elements }) => sum + elements, 0)

function missing(id: string): never {
  throw new PareError(`allocation by curves: there is none for '${id}'.`, {
    hint: 'measure all weights that are pruned, or name fewer with --include.',
  })
}

function outOfReach(elements: number, zeros: number, left: number): PareError {
  return new PareError(
    `allocation by curves: ${zeros} of ${elements} elements should go, and the curves end at ${Math.floor(zeros - left)}.`,
    { hint: 'measure up to a larger sparsity, or ask for less.' },
  )
}

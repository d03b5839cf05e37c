import { cholesky, invertLower, meanOfDiagonal, openWorkspace } from '@pare/linear-algebra'
import { elementCount, type Model, PareError, present } from '@pare/onnx'
import { readMatrices } from '../backend/matrix.js'
import { measureOutputsAndInputs, type OutputsAndInputs } from '../calibrate/outputs-and-inputs.js'
import type { Weight } from '../contract/contract.js'
import type { PlanOptions } from '../plan/plan.js'
import { type CountedAllocation, wholeCounts } from './allocation.js'

/** As much is added to the diagonal of the Gram matrix, as a fraction of its mean, as solvers add by default. */
const DAMPING = 0.1
/** A weight keeps at most so much more of its elements than all together, and at least this share of what all together keep. */
const MORE = 0.3
const LEAST = 0.25

/**
 * How many elements of each weight go, by what the loss feels: the score of an element is F_r · w² ÷ [H⁻¹]ⱼⱼ, F_r being the mean square of the derivative of the
 * loss by output r, and w² ÷ [H⁻¹]ⱼⱼ what the output changes by at least when the element goes and the others of its row make up for it (Optimal Brain
 * Surgeon, Hassibi and Stork 1993). One threshold for all weights, within bounds, gives each its share. One forward and backward pass, and n³ operations for n inputs.
 */
export async function fisherAllocation(
  weights: readonly Weight[],
  { model, sparsity }: { readonly model: Model; readonly sparsity: number },
  { gradients, signal, onProgress }: PlanOptions,
): Promise<CountedAllocation> {
  if (gradients === undefined)
    throw new PareError('allocation fisher looks at gradients of the loss over training data, and there are none.', {
      hint: 'name data with labels: --train train.npz, or train in the config. For a language model its calibration data serve as well.',
    })
  const progress = onProgress && (({ done, total = done }: { done: number; total?: number }) => onProgress({ done, total }))
  const run = { gradients, ...present({ signal, onProgress: progress }) }
  const measured = await measureOutputsAndInputs(model, weights, run)
  const layers: ScoredLayer[] = []
  let last: { readonly gram: Float64Array; readonly variances: Float64Array } | undefined
  for (const weight of weights) {
    signal?.throwIfAborted()
    const own = measured.get(weight.id)!
    if (last?.gram !== own.gram) last = { gram: own.gram, variances: await unexplained(own.gram, weight) }
    layers.push(await histogramOf(weight, own, last.variances))
  }
  const counts = sharesBelow(layers, sparsity)
  return {
    counts: Object.fromEntries(weights.map(({ id }, i) => [id, counts[i]!])),
    felt: Object.fromEntries([...measured].map(([id, { squares }]) => [id, squares])),
  }
}

export interface ScoredLayer {
  readonly elements: number
  /** By bucket of the score: how many elements lie there. */
  readonly counts: Uint32Array
}

/** 1 ÷ [H⁻¹]ⱼⱼ for each input: how much of its square the others do not explain. */
async function unexplained(gram: Float64Array, { id, rows }: Weight): Promise<Float64Array> {
  const columns = rows.before * rows.after
  const groups = gram.length / columns ** 2
  if (!Number.isInteger(groups))
    throw new PareError(`'${id}' cannot be judged by what the loss feels of it: its inputs are not measured column by column.`, {
      hint: `leave it out with --exclude '${id}', or choose another --allocation.`,
    })
  const left = new Float64Array(groups * columns)
  await using workspace = await openWorkspace({ matrices: [{ rows: columns, columns }] })
  const [matrix] = workspace.matrices as [(typeof workspace.matrices)[number]]
  const { data, stride } = matrix
  for (let g = 0; g < groups; g++) {
    const own = gram.subarray(g * columns ** 2, (g + 1) * columns ** 2)
    const mean = meanOfDiagonal(own, columns) || 1
    data.fill(0)
    for (let i = 0; i < columns; i++) data.set(own.subarray(i * columns, (i + 1) * columns), i * stride)
    for (let i = 0; i < matrix.rows; i++) data[i * (stride + 1)] = i < columns ? own[i * (columns + 1)]! + DAMPING * mean : mean
    if (!(await cholesky(workspace, matrix)))
      throw new PareError(`the inputs of '${id}' have no positive definite Gram matrix on the training data.`, {
        hint: 'look for huge values in the data, or leave the layer out with exclude.',
      })
    await invertLower(workspace, matrix)
    // H⁻¹ = L⁻ᵀ · L⁻¹, so its diagonal is the sums of squares of the columns of L⁻¹.
    for (let i = 0; i < columns; i++)
      for (let j = 0; j <= i; j++) left[g * columns + j]! += data[i * stride + j]! * data[i * stride + j]!
  }
  return left.map((inverse) => 1 / inverse)
}

/** Buckets are the upper bits of the f32 of a score: eight to a doubling. */
const SHIFT = 20
const BUCKETS = 2 ** 11

async function histogramOf(weight: Weight, { squares }: OutputsAndInputs, variances: Float64Array): Promise<ScoredLayer> {
  const { tensor, rows } = weight
  const groups = variances.length / (rows.before * rows.after)
  const { rows: height, columns, parts } = await readMatrices(tensor, rows, groups)
  const counts = new Uint32Array(BUCKETS)
  const score = new Float32Array(1)
  const bits = new Uint32Array(score.buffer)
  for (const [g, part] of parts.entries()) {
    for (let r = 0; r < height; r++) {
      const felt = squares[(g * height + r) % squares.length]!
      for (let j = 0; j < columns; j++) {
        const w = part[r * columns + j]!
        // The root: squares of squares would leave f32.
        score[0] = Math.sqrt(felt * variances[g * columns + j]!) * Math.abs(w)
        counts[bits[0]! >>> SHIFT]!++
      }
    }
  }
  return { elements: elementCount(tensor.shape), counts }
}

/** Counts in each layer the elements below one threshold, within bounds: whole numbers that add up to round(sparsity × all elements). */
export function sharesBelow(layers: readonly ScoredLayer[], sparsity: number): readonly number[] {
  const all = layers.reduce((sum, { elements }) => sum + elements, 0)
  const zeros = Math.round(sparsity * all)
  const least = Math.max(0, sparsity - MORE)
  const most = 1 - LEAST * (1 - sparsity)
  const below = layers.map(({ counts }) => {
    const sums = new Float64Array(counts.length + 1)
    for (const [i, count] of counts.entries()) sums[i + 1] = sums[i]! + count
    return sums
  })
  const countsAt = (threshold: number) =>
    layers.map(({ elements }, i) => {
      const sums = below[i]!
      const bucket = Math.min(Math.floor(threshold), sums.length - 2)
      const within = sums[bucket]! + (threshold - bucket) * (sums[bucket + 1]! - sums[bucket]!)
      return Math.min(Math.max(within, least * elements), most * elements)
    })
  let [low, high] = [0, BUCKETS]
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (countsAt(middle).reduce((a, b) => a + b, 0) < zeros) low = middle
    else high = middle
  }
  return wholeCounts(
    layers.map(({ elements }, i) => ({ id: String(i), elements, axes: [] })),
    countsAt(high),
    zeros,
  )
}

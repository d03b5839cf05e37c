import { readChunks, type WeightSource } from '../backend/stream.js'
import { type AllocatedLayer, type Allocation, curveCounts, erkCounts, owlCounts, searchOf } from './allocation.js'
import { saliencyOf } from './saliency.js'
import type { Scoring } from './scoring.js'

/** Shares a sparsity out, as how many elements of each weight go: whole numbers that add up to round(sparsity × all elements). */
export async function sharesOf(
  sources: readonly WeightSource[],
  { sparsity, allocation = 'uniform' }: { sparsity: number; allocation?: Allocation | undefined },
  scoring: Scoring,
): Promise<readonly number[]> {
  const layers = sources.map(({ weight, elements }): AllocatedLayer => ({ id: weight.id, elements, axes: weight.tensor.shape }))
  const zeros = Math.round(sparsity * layers.reduce((total, { elements }) => total + elements, 0))
  const counts = sharesWithoutData(layers, sparsity, allocation)
  if (counts !== undefined) return counts
  const { lambda = 0.08, outlier = 5 } = typeof allocation === 'object' && 'owl' in allocation ? allocation.owl : {}
  const outliers: number[] = []
  for (const source of sources) outliers.push(await outlierShare(source, outlier, scoring))
  return owlCounts(layers, outliers, { zeros, lambda })
}

/** The same where it takes no look at the weights. Undefined for 'owl', which does; 'fisher' and 'search' have become counts before. */
export function sharesWithoutData(
  layers: readonly AllocatedLayer[],
  sparsity: number,
  allocation: Allocation,
): readonly number[] | undefined {
  const zeros = Math.round(sparsity * layers.reduce((total, { elements }) => total + elements, 0))
  if (allocation === 'uniform') return uniformCounts(layers, sparsity)
  if (allocation === 'erk') return erkCounts(layers, zeros)
  if (allocation === 'fisher' || searchOf(allocation) !== undefined) throw new Error('an allocation was not counted')
  if (typeof allocation !== 'object' || 'owl' in allocation) return undefined
  if ('curves' in allocation) return curveCounts(layers, allocation.curves, zeros)
  return 'counts' in allocation ? layers.map(({ id }) => allocation.counts[id]!) : undefined
}

/** Each is at most one off its own share. */
function uniformCounts(layers: readonly AllocatedLayer[], sparsity: number): number[] {
  let elements = 0
  let tally = 0
  return layers.map((layer) => {
    elements += layer.elements
    const share = Math.round(sparsity * elements) - tally
    tally += share
    return share
  })
}

/** Saliencies of a weight that are more than `outlier` times their mean ÷ all. Elements that are zero count as saliency 0. Two passes. */
async function outlierShare(source: WeightSource, outlier: number, scoring: Scoring): Promise<number> {
  let sum = 0
  for await (const chunk of readChunks(source, scoring)) {
    const saliency = await saliencyOf(scoring.kernel, chunk)
    for (let i = 0; i < saliency.length; i++) if (saliency[i] !== -Infinity) sum += saliency[i]!
  }
  const limit = (outlier * sum) / source.elements
  let over = 0
  for await (const chunk of readChunks(source, scoring)) {
    const saliency = await saliencyOf(scoring.kernel, chunk)
    for (let i = 0; i < saliency.length; i++) over += -(saliency[i]! > limit) & 1
  }
  return over / source.elements
}

import type { Model } from '@pare/onnx'
import { analyseUnits } from '../analyse/analyse-units.js'
import type { Weight } from '../contract/contract.js'

/**
 * Weights in the order in which data meet them, block by block: those of a residual block are one stage, and so are those that lie between two blocks.
 * Within a stage all are judged by what they meet before any of them is pruned.
 */
export async function stagesOf(model: Model, weights: readonly Weight[]): Promise<Weight[][]> {
  const { blocks } = await analyseUnits(model)
  const blockOf = new Map<string, string>()
  for (const group of blocks) {
    for (const { id, units } of group.slices) if (!blockOf.has(id)) blockOf.set(id, `${group.id} ${units[0]}`)
  }
  const stages: Weight[][] = []
  let last: string | undefined
  for (const weight of weights) {
    const block = blockOf.get(weight.id) ?? ''
    if (stages.length === 0 || block !== last) stages.push([])
    stages.at(-1)!.push(weight)
    last = block
  }
  return stages
}

import { findBlockParts, findBlocks, findCoupling } from '@pare/axes'
import type { Model } from '@pare/onnx'
import type { Analysis, UnitGroup } from '../contract/contract.js'
import { type AnalyseOptions, analyse } from './analyse.js'

/** What structures that cut are given: `analyse`, and everything that can only go together. Walks the whole graph. */
export async function analyseUnits(model: Model, options: AnalyseOptions = {}): Promise<Analysis> {
  const analysis = analyse(model, options)
  const { groups, dependencies } = await findCoupling(model)
  const { obstacles } = dependencies
  return {
    ...analysis,
    coupled: eligible(groups, analysis),
    blocks: eligible(findBlocks(model, dependencies), analysis),
    parts: eligible(findBlockParts(model, dependencies), analysis),
    obstacles,
  }
}

/** Groups with a weight that the user has left out are held. */
function eligible<G extends UnitGroup>(groups: readonly G[], { notEligible }: Analysis): G[] {
  const leftOut = new Map(notEligible.filter(({ byUser }) => byUser).map(({ id, reason }) => [id, reason]))
  return groups.map((group) => {
    const slice = group.slices.find(({ id, scored }) => scored && leftOut.has(id))
    return slice === undefined || group.held !== undefined
      ? group
      : { ...group, held: `'${slice.id}' is ${leftOut.get(slice.id)}` }
  })
}

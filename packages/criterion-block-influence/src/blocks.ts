import { type BlockGroup, PareError, type UnitGroup } from '@pare/core'

/** The groups, which must be of blocks. */
export function blocksIn(groups: readonly UnitGroup[]): readonly BlockGroup[] {
  return groups.map((group) => {
    if (group.kind === 'block') return group
    throw new PareError(`criterion 'block-influence' judges whole blocks, and '${group.id}' is a group of positions.`, {
      hint: 'cut layers: --structure layer; for channels, neurons and heads: --criterion sensitivity.',
    })
  })
}

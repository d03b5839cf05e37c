import type { Structure } from '@pare/core'

/** Whole residual blocks: attention with its feed-forward network, or a block of a CNN. What read the end of a block that goes reads its beginning. */
export function layer(): Structure {
  return {
    name: 'layer',
    kind: 'cut',
    find({ blocks }) {
      return {
        groups: blocks.filter(({ held }) => held === undefined),
        declined: blocks.flatMap(({ id, held }) => (held === undefined ? [] : [{ id, structure: 'layer', reason: held }])),
      }
    },
  }
}

export default layer

import { cutStructure, type Structure } from '@pare/core'

/** Whole residual blocks: attention with its feed-forward network, or a block of a CNN. What read the end of a block that goes reads its beginning. */
export const layer = (): Structure =>
  cutStructure({
    name: 'layer',
    candidates: ({ blocks }) => blocks,
    none: 'it has no residual block: nowhere is what a stretch of the graph computes added to what the stretch was given (within If, Loop and Scan blocks are not looked for)',
  })

export default layer

import { type Analysis, cutStructure, defineStructure, type OptionsOf, z } from '@pare/core'

export type LayerOptions = OptionsOf<typeof layer>

/**
 * Whole residual blocks: attention with its feed-forward network, or a block of a CNN; or one of the two alone. What read the end of what goes reads its
 * beginning.
 */
export const layer = defineStructure({
  name: 'layer',
  about: 'Whole residual blocks: attention with its feed-forward network, or a block of a CNN; or one of the two alone.',
  options: {
    part: z
      .enum(['block', 'attention', 'feed-forward'])
      .default('block')
      .describe('what goes of a residual block: all of it, its attention alone, or its feed-forward network alone'),
  },
  create: ({ part }, name) =>
    cutStructure({
      name,
      candidates: ({ blocks, parts }: Analysis) =>
        part === 'block' ? blocks : parts.filter(({ id }) => id.startsWith(`${part}:`)),
      none: part === 'block' ? NO_BLOCK : `it has no residual block with attention in which ${part} stands alone`,
    }),
})

export default layer

const NO_BLOCK =
  'it has no residual block: nowhere is what a stretch of the graph computes added to what the stretch was given (within Loop and Scan blocks are not looked for)'

import { type Analysis, cutStructure, type Structure } from '@pare/core'

export interface LayerOptions {
  /** What goes of a residual block: all of it, its attention alone, or its feed-forward network alone. Default: 'block' */
  readonly part?: 'block' | 'attention' | 'feed-forward'
}

/**
 * Whole residual blocks: attention with its feed-forward network, or a block of a CNN; or one of the two alone. What read the end of what goes reads its
 * beginning.
 */
export function layer({ part = 'block' }: LayerOptions = {}): Structure {
  if (!PARTS.includes(part))
    throw new RangeError(`part is '${part as string}'; expected ${PARTS.map((each) => `'${each}'`).join(', ')}`)
  return cutStructure({
    name: 'layer',
    candidates: ({ blocks, parts }: Analysis) =>
      part === 'block' ? blocks : parts.filter(({ id }) => id.startsWith(`${part}:`)),
    none: part === 'block' ? NO_BLOCK : `it has no residual block with attention in which ${part} stands alone`,
  })
}

export default layer

const PARTS: readonly string[] = ['block', 'attention', 'feed-forward']

const NO_BLOCK =
  'it has no residual block: nowhere is what a stretch of the graph computes added to what the stretch was given (within Loop and Scan blocks are not looked for)'

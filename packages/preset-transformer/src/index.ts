import type { PruneStep } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { head } from '@pare/structure-head'
import { neuron } from '@pare/structure-neuron'

export interface TransformerOptions {
  /** Share of the heads, and of the neurons, that goes. Default: 0.3 */
  readonly ratio?: number
}

/** Attention heads, then hidden units of feed-forward networks, by the L2 norm of what belongs to them. */
export function transformer({ ratio = 0.3 }: TransformerOptions = {}): PruneStep[] {
  const shared = { criterion: magnitude(), target: { ratio }, norm: 'l2' } as const
  return [
    { structure: head(), ...shared },
    { structure: neuron(), ...shared, multipleOf: 8 },
  ]
}

export default transformer

import type { PruneStep } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { channel } from '@pare/structure-channel'

export interface CnnOptions {
  /** Share of the channels that goes, before what is kept is rounded up. Default: 0.3 */
  readonly ratio?: number
}

/** Channels of convolutions, by the L2 norm of what belongs to them. */
export function cnn({ ratio = 0.3 }: CnnOptions = {}): PruneStep[] {
  return [{ structure: channel(), criterion: magnitude(), target: { ratio }, scope: 'group', norm: 'l2', multipleOf: 8 }]
}

export default cnn

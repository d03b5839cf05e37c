import type { PruneStep } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { channel } from '@pare/structure-channel'

export interface CnnOptions {
  /** Share of the channels that goes, before what is kept is rounded up. Default: 0.3 */
  readonly ratio?: number
}

/**
 * Channels of convolutions, ranked over the whole network by the sum of the absolute weights that belong to them, relative to their group. What stays is a
 * multiple of 8, which is what run times are fast at.
 */
export function cnn({ ratio = 0.3 }: CnnOptions = {}): PruneStep[] {
  return [{ structure: channel(), criterion: magnitude(), target: { ratio }, scope: 'global', norm: 'l1', multipleOf: 8 }]
}

export default cnn

import { definePreset, type OptionsOf, z } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { osscar } from '@pare/criterion-osscar'
import { channel } from '@pare/structure-channel'

export type CnnOptions = OptionsOf<typeof cnn>

/**
 * Channels of convolutions, ranked over the whole network by the sum of the absolute weights that belong to them, relative to their group. What stays is a
 * multiple of 8, which is what run times are fast at. With calibration data they are chosen together, of each group the same share, by what the others make up for.
 */
export const cnn = definePreset({
  name: 'cnn',
  about:
    'Channels of convolutions, ranked over the whole network by the sum of the absolute weights that belong to them; with calibration data chosen together, by what the others make up for. What stays is a multiple of 8.',
  options: {
    ratio: z.number().min(0).max(1).default(0.3).describe('share of the channels that goes, before what is kept is rounded up'),
  },
  create({ ratio }) {
    const shared = { structure: channel(), target: { ratio }, multipleOf: 8 } as const
    return [{ ...shared, criterion: magnitude(), scope: 'global', norm: 'l1', calibrated: { criterion: osscar() } }]
  },
})

export default cnn

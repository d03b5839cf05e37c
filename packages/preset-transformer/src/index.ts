import { definePreset, type OptionsOf, z } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { osscar } from '@pare/criterion-osscar'
import { wanda } from '@pare/criterion-wanda'
import { head } from '@pare/structure-head'
import { neuron } from '@pare/structure-neuron'

export type TransformerOptions = OptionsOf<typeof transformer>

/**
 * Attention heads, then hidden units of feed-forward networks, by the L2 norm of what belongs to them; with calibration data heads by what
 * reads them meets, and neurons together, by what the others make up for.
 */
export const transformer = definePreset({
  name: 'transformer',
  about:
    'Attention heads, then hidden units of feed-forward networks, by the L2 norm of what belongs to them; with calibration data heads by what reads them meets, and neurons together, by what the others make up for.',
  options: { ratio: z.number().min(0).max(1).default(0.3).describe('share of the heads, and of the neurons, that goes') },
  create({ ratio }) {
    const shared = { criterion: magnitude(), target: { ratio }, norm: 'l2' } as const
    return [
      { structure: head(), ...shared, calibrated: { criterion: wanda() } },
      { structure: neuron(), ...shared, multipleOf: 8, calibrated: { criterion: osscar() } },
    ]
  },
})

export default transformer

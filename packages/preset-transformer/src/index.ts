import type { PresetStep } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { osscar } from '@pare/criterion-osscar'
import { wanda } from '@pare/criterion-wanda'
import { head } from '@pare/structure-head'
import { neuron } from '@pare/structure-neuron'

export interface TransformerOptions {
  /** Share of the heads, and of the neurons, that goes. Default: 0.3 */
  readonly ratio?: number
}

/**
 * Attention heads, then hidden units of feed-forward networks, by the L2 norm of what belongs to them; with calibration data heads by what
 * reads them meets, and neurons together, by what the others make up for.
 */
export function transformer({ ratio = 0.3 }: TransformerOptions = {}): PresetStep[] {
  const shared = { criterion: magnitude(), target: { ratio }, norm: 'l2' } as const
  return [
    { structure: head(), ...shared, calibrated: { criterion: wanda() } },
    { structure: neuron(), ...shared, multipleOf: 8, calibrated: { criterion: osscar() } },
  ]
}

export default transformer

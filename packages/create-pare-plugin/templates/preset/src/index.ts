import type { PresetStep } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { element } from '@pare/structure-element'

export interface MyPluginOptions {
  /** Share of the weights that become zero. Default: 0.5 */
  readonly sparsity?: number
}

/** Single elements by magnitude, of each weight the same share. Put your steps here. */
export function myPlugin({ sparsity = 0.5 }: MyPluginOptions = {}): PresetStep[] {
  return [{ structure: element(), criterion: magnitude(), target: { sparsity }, scope: 'tensor' }]
}

export default myPlugin

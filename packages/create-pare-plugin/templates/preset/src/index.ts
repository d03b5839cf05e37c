import { definePreset, z } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { element } from '@pare/structure-element'

/** Single elements by magnitude, of each weight the same share. Put your steps here. */
export const myPlugin = definePreset({
  name: 'my-plugin',
  about: 'Single elements by magnitude, of each weight the same share.',
  options: { sparsity: z.number().min(0).max(1).default(0.5).describe('share of the weights that become zero') },
  create: ({ sparsity }) => [{ structure: element(), criterion: magnitude(), target: { sparsity }, scope: 'tensor' }],
})

export default myPlugin

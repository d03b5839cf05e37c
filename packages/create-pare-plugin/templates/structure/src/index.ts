import { defineStructure, type Weight, z } from '@pare/core'

/** Single elements of the larger weights are units of pruning; small weights are left alone. Put your choice here. */
export const myPlugin = defineStructure({
  name: 'my-plugin',
  about: 'Single elements of the larger weights; small weights are left alone.',
  options: { least: z.int().min(1).default(16).describe('weights with fewer elements stay as they are') },
  create: ({ least }, name) => ({
    // 'free': any element may go. 'nm': n of each m columns stay. 'tile': blocks go as a whole.
    pattern: 'free',
    find({ weights }) {
      const large = weights.filter((weight) => sizeOf(weight) >= least)
      const small = weights.filter((weight) => sizeOf(weight) < least)
      return {
        groups: large.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'free' } })),
        // Nothing is passed over without a reason that the user can read.
        declined: small.map((weight) => ({
          ...{ id: weight.id, structure: name },
          reason: `it has ${sizeOf(weight)} elements, fewer than ${least}`,
        })),
      }
    },
  }),
})

export default myPlugin

function sizeOf({ tensor }: Weight): number {
  return tensor.shape.reduce((size, length) => size * length, 1)
}

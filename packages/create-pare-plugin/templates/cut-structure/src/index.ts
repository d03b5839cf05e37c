import { type CoupledGroup, cutStructure, defineStructure, z } from '@pare/core'

/** Hidden units between two matrix products are removed, where there are enough of them. Put your choice here. */
export const myPlugin = defineStructure({
  name: 'my-plugin',
  about: 'Hidden units between two matrix products, where there are enough of them.',
  options: { least: z.int().min(1).default(2).describe('groups with fewer units stay as they are') },
  create: ({ least }, name) =>
    cutStructure({
      name,
      // What can only go together is found by Pare; a structure chooses among these groups by their roles.
      candidates: ({ coupled }) => coupled.filter(isHidden),
      refuse: ({ units }) => (units < least ? `it has ${units} units, fewer than ${least}` : undefined),
    }),
})

export default myPlugin

/** Made by one product and summed over by another, and neither looked at by a normalisation nor split into heads. */
function isHidden({ roles }: CoupledGroup): boolean {
  const others = ['norm', 'embedding', 'batch', 'inner', 'outer', 'repeat', 'conv-out'] as const
  return roles.has('matmul-out') && roles.has('matmul-in') && !others.some((role) => roles.has(role))
}

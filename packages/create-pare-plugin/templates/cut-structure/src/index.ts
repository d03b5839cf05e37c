import { type CoupledGroup, cutStructure, PareError, type Structure } from '@pare/core'

export interface MyPluginOptions {
  /** Groups with fewer units stay as they are. Default: 2 */
  readonly least?: number
}

/** Hidden units between two matrix products are removed, where there are enough of them. Put your choice here. */
export function myPlugin({ least = 2 }: MyPluginOptions = {}): Structure {
  if (!(Number.isInteger(least) && least >= 1))
    throw new PareError(`my-plugin: least is ${least}; a whole number from 1 on was expected.`, {
      hint: 'my-plugin:least=2 is the default.',
    })
  return cutStructure({
    name: 'my-plugin',
    // What can only go together is found by Pare; a structure chooses among these groups by their roles.
    candidates: ({ coupled }) => coupled.filter(isHidden),
    refuse: ({ units }) => (units < least ? `it has ${units} units, fewer than ${least}` : undefined),
  })
}

export default myPlugin

/** Made by one product and summed over by another, and neither looked at by a normalisation nor split into heads. */
function isHidden({ roles }: CoupledGroup): boolean {
  const others = ['norm', 'embedding', 'batch', 'inner', 'outer', 'repeat', 'conv-out'] as const
  return roles.has('matmul-out') && roles.has('matmul-in') && !others.some((role) => roles.has(role))
}

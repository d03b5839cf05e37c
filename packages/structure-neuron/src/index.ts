import { type CoupledGroup, cutStructure, defineStructure } from '@pare/core'

/** Hidden units between a product with a weight that makes them and one that sums over them: feed-forward networks, gated ones included. */
export const neuron = defineStructure({
  name: 'neuron',
  about:
    'Hidden units between a product with a weight that makes them and one that sums over them: feed-forward networks, gated ones included.',
  create: (_, name) =>
    cutStructure({
      name,
      candidates: ({ coupled }) => coupled.filter(isHidden),
    }),
})

/** Not the width of the residual stream, which normalisations look at, nor what attention sees as heads or inside a head. */
function isHidden({ roles }: CoupledGroup): boolean {
  const others = ['norm', 'embedding', 'batch', 'inner', 'outer', 'repeat', 'conv-out', 'expert'] as const
  return roles.has('matmul-out') && roles.has('matmul-in') && !others.some((role) => roles.has(role))
}

export default neuron

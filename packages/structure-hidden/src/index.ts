import { type CoupledGroup, cutStructure, defineStructure } from '@pare/core'

/** The width of the residual stream: what embeddings give, all blocks read and add to, and normalisations look at as a whole. Of a model without a stream, the width of its embeddings. */
export const hidden = defineStructure({
  name: 'hidden',
  about:
    'The width of the residual stream: what embeddings give, all blocks read and add to, and normalisations look at as a whole. Of a model without a stream, the width of its embeddings.',
  create: (_, name) =>
    cutStructure({
      name,
      candidates: ({ coupled }) => coupled.filter(isWidth),
    }),
})

/** Made by an embedding, or by weights and normalised, and summed over by weights; not what is normalised inside or between heads. */
function isWidth({ roles }: CoupledGroup): boolean {
  const others = ['batch', 'inner', 'outer'] as const
  const isStream = roles.has('embedding') || (roles.has('norm') && roles.has('matmul-out'))
  return isStream && roles.has('matmul-in') && !others.some((role) => roles.has(role))
}

export default hidden

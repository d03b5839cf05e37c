import { type CoupledGroup, cutStructure, type Structure } from '@pare/core'

/** The width of the residual stream: what embeddings give, all blocks read and add to, and normalisations look at as a whole. */
export const hidden = (): Structure =>
  cutStructure({
    name: 'hidden',
    counts: ['hidden_size', 'd_model', 'n_embd', 'dim'],
    candidates: ({ coupled }) => coupled.filter(isWidth),
  })

/** Normalised, made and summed over by weights; not what is normalised inside or between heads. */
function isWidth({ roles }: CoupledGroup): boolean {
  const others = ['batch', 'inner', 'outer', 'repeat'] as const
  return roles.has('norm') && roles.has('matmul-out') && roles.has('matmul-in') && !others.some((role) => roles.has(role))
}

export default hidden

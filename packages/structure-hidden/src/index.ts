import type { CoupledGroup, Structure } from '@pare/core'

/** The width of the residual stream: what embeddings give, all blocks read and add to, and normalisations look at as a whole. */
export function hidden(): Structure {
  return {
    name: 'hidden',
    kind: 'cut',
    find({ coupled }) {
      const widths = coupled.filter(isWidth)
      return {
        groups: widths.filter(({ held }) => held === undefined),
        declined: widths.flatMap(({ id, held }) => (held === undefined ? [] : [{ id, structure: 'hidden', reason: held }])),
      }
    },
  }
}

/** Normalised, made and summed over by weights; not what is normalised inside or between heads. */
function isWidth({ roles }: CoupledGroup): boolean {
  const others = ['batch', 'inner', 'outer', 'repeat'] as const
  return roles.has('norm') && roles.has('matmul-out') && roles.has('matmul-in') && !others.some((role) => roles.has(role))
}

export default hidden

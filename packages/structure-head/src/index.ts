import type { CoupledGroup, Structure } from '@pare/core'

/**
 * Heads of multi-head, grouped-query and multi-query attention. With shared keys and values a unit is a key-value head with all its queries. The factor
 * 1/√d stays: what is inside a head does not change.
 */
export function head(): Structure {
  return {
    name: 'head',
    kind: 'cut',
    find({ coupled }) {
      const heads = coupled.filter(isHead)
      return {
        groups: heads.filter((group) => refusal(group) === undefined),
        declined: heads.flatMap((group) => {
          const reason = refusal(group)
          return reason === undefined ? [] : [{ id: group.id, structure: 'head', reason }]
        }),
      }
    },
  }
}

/** Made by a weight, and multiplied apart in a product of activations. Copies of a key-value head are no heads of their own. */
function isHead({ roles }: CoupledGroup): boolean {
  return roles.has('batch') && roles.has('matmul-out') && !roles.has('repeat')
}

function refusal({ held, roles }: CoupledGroup): string | undefined {
  if (held !== undefined) return held
  return roles.has('norm') ? 'a normalisation takes statistics over all heads: removing one would change the others' : undefined
}

export default head

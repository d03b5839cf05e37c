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
        groups: heads.filter(({ held }) => held === undefined),
        declined: heads.flatMap(({ id, held }) => (held === undefined ? [] : [{ id, structure: 'head', reason: held }])),
      }
    },
  }
}

/** Made by a weight, and multiplied apart in a product of activations. Copies of a key-value head are no heads of their own. */
function isHead({ roles }: CoupledGroup): boolean {
  return roles.has('batch') && roles.has('matmul-out') && !roles.has('repeat')
}

export default head

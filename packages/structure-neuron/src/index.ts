import type { CoupledGroup, Structure } from '@pare/core'

/** Hidden units between a product with a weight that makes them and one that sums over them: feed-forward networks, gated ones included. */
export function neuron(): Structure {
  return {
    name: 'neuron',
    kind: 'cut',
    find({ coupled }) {
      const neurons = coupled.filter(isHidden)
      return {
        groups: neurons.filter(({ held }) => held === undefined),
        declined: neurons.flatMap(({ id, held }) => (held === undefined ? [] : [{ id, structure: 'neuron', reason: held }])),
      }
    },
  }
}

/** Not the width of the residual stream, which normalisations look at, nor what attention sees as heads or inside a head. */
function isHidden({ roles }: CoupledGroup): boolean {
  const others = ['norm', 'embedding', 'batch', 'inner', 'outer', 'repeat', 'conv-out'] as const
  return roles.has('matmul-out') && roles.has('matmul-in') && !others.some((role) => roles.has(role))
}

export default neuron

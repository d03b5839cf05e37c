import type { Criterion, Pattern, Permuting, Structure } from '../contract/contract.js'

/** Plugins such as those of other packages, which core must not import. */
export const magnitude: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }

/** |w| times the root of the mean of the squares of what it is multiplied with. */
export const wanda = {
  name: 'wanda',
  needs: { squares: { at: 'input', of: (x, ops) => ops.square(x), reduce: 'mean' } },
  scope: 'row',
  saliency: ({ weight, stats }, ops) => ops.multiply(ops.abs(weight), ops.sqrt(stats.squares!)),
} satisfies Criterion

/** Masks every weight by one pattern. */
export function masking(pattern: Pattern, permute?: Permuting): Structure {
  return {
    name: pattern.kind,
    ...(pattern.kind === 'nm' && { sparsity: 1 - pattern.n / pattern.m }),
    ...(permute && { permute }),
    find: ({ weights }) => ({
      groups: weights.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern })),
      declined: [],
    }),
  }
}

/** Cuts every group of units that nothing holds. */
export const neuron: Structure = {
  name: 'neuron',
  kind: 'cut',
  find: ({ coupled }) => ({ groups: coupled.filter(({ held }) => held === undefined), declined: [] }),
}

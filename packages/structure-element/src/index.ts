import type { Structure } from '@pare/core'

/** Every element of every eligible weight is a unit of its own. Masked, never cut: shapes stay. */
export function element(): Structure {
  return {
    name: 'element',
    pattern: 'free',
    find: ({ weights }) => ({
      groups: weights.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'free' } })),
      declined: [],
    }),
  }
}

export default element

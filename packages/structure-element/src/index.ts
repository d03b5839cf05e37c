import { defineStructure } from '@pare/core'

/** Every element of every eligible weight is a unit of its own. Masked, never cut: shapes stay. */
export const element = defineStructure({
  name: 'element',
  about: 'Every element of every eligible weight is a unit of its own. Masked, never cut: shapes stay.',
  create: () => ({
    pattern: 'free',
    find: ({ weights }) => ({
      groups: weights.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'free' } })),
      declined: [],
    }),
  }),
})

export default element

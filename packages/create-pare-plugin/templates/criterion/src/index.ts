import { type Criterion, defineCriterion, z } from '@pare/core'

/** Saliency = |w − from|: the elements with the lowest go first. Put your formula here. */
export const myPlugin = defineCriterion({
  name: 'my-plugin',
  about: 'Saliency = |w − from|: the elements with the lowest go first.',
  // What users may set: checked, described and typed from here.
  options: { from: z.number().default(0).describe('what is farthest from this value is kept') },
  create: ({ from }): Omit<Criterion<Record<never, never>>, 'name'> => ({
    // What must be measured on data first. For the mean of x², x being what a weight is multiplied with:
    // needs: { squares: { at: 'input', of: (x, ops) => ops.square(x), reduce: 'mean' } }
    needs: {},
    saliency: ({ weight }, ops) => ops.abs(ops.subtract(weight, ops.constant(from))),
  }),
})

export default myPlugin

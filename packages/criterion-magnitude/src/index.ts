import { type Criterion, defineCriterion, type OptionsOf, z } from '@pare/core'

export type MagnitudeOptions = OptionsOf<typeof magnitude>

/** Saliency = |w|ᵖ (Han et al. 2015, arXiv 1506.02626). */
export const magnitude = defineCriterion({
  name: 'magnitude',
  about: 'Saliency = |w|ᵖ (Han et al. 2015, arXiv 1506.02626).',
  options: {
    p: z.literal([1, 2]).default(1).describe('1: |w|; 2: w²; both rank single elements alike, sums over units differ'),
  },
  create: ({ p }): Omit<Criterion<Record<never, never>>, 'name'> => ({
    needs: {},
    saliency: ({ weight }, ops) => (p === 1 ? ops.abs(weight) : ops.square(weight)),
  }),
})

export default magnitude

import { type Criterion, defineCriterion } from '@pare/core'

/** Saliency = a uniform random number, a function of (seed, weight, element): the baseline that every other criterion must beat. */
export const random = defineCriterion({
  name: 'random',
  about:
    'Saliency = a uniform random number, a function of seed, weight and element: the baseline that every other criterion must beat.',
  create: (): Omit<Criterion<Record<never, never>>, 'name'> => ({ needs: {}, saliency: (_, ops) => ops.random() }),
})

export default random

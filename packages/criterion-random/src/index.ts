import type { Criterion } from '@pare/core'

/** Saliency = a uniform random number, a function of (seed, weight, element): the baseline that every other criterion must beat. */
export function random(): Criterion<Record<never, never>> {
  return { name: 'random', needs: {}, saliency: (_, ops) => ops.random() }
}

export default random

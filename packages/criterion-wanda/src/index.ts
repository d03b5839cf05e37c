import { type Criterion, defineCriterion, type Statistic } from '@pare/core'

/** Saliency = |w| · ‖x‖₂ of what the weight meets, ranked within each output (Sun et al. 2023, arXiv 2306.11695, eq. 1). */
export const wanda = defineCriterion({
  name: 'wanda',
  about: 'Saliency = |w| · ‖x‖₂ of what the weight meets, ranked within each output (Sun et al. 2023, arXiv 2306.11695, eq. 1).',
  create: (): Omit<Criterion<{ squares: Statistic }>, 'name'> => ({
    needs: { squares: { at: 'input', of: (x, ops) => ops.square(x), reduce: 'mean' } },
    scope: 'row',
    readersOnly: true,
    // The root of the mean instead of the sum: the number of samples changes no rank.
    saliency: ({ weight, stats }, ops) => ops.multiply(ops.abs(weight), ops.sqrt(stats.squares)),
  }),
})

export default wanda

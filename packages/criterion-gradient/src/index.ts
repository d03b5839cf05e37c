import {
  type Criterion,
  defineCriterion,
  type Ops,
  type OptionsOf,
  type Statistic,
  type TracedValue,
  type UnitCriterion,
  z,
} from '@pare/core'

export type GradientOptions = OptionsOf<typeof gradient>

/** Judges weights, or whole units, by what the loss on training data would feel of their removal. */
export const gradient = defineCriterion({
  name: 'gradient',
  about: 'Judges weights, or whole units, by what the loss on training data would feel of their removal.',
  options: {
    of: z
      .enum(['taylor', 'snip', 'magnitude', 'fisher', 'mix', 'gates'])
      .default('taylor')
      .describe(
        'what is made of the gradient g of the loss; taylor: (w · E g)², what the loss changes by when w goes, to first order (Molchanov et al. 2019, arXiv 1906.10771, eq. 8); snip: |w · E g| (Lee et al. 2018, arXiv 1810.02340, eq. 6); magnitude: E |g|; fisher: w² · E g², sample by sample (Theis et al. 2018, arXiv 1801.05787); mix: |w · E g − ½ w² · E g²| (LLM-Pruner, Ma et al. 2023, arXiv 2305.11627, eq. 5); gates: of whole units, E |∂loss/∂gate|, of length 1 in each group (Michel et al. 2019, arXiv 1905.10650, eq. 2)',
      ),
  },
  create: ({ of }): Omit<Criterion, 'name'> | Omit<UnitCriterion, 'name'> => (of === 'gates' ? gates : KINDS[of]),
})

const mean: Statistic = { at: 'gradient', reduce: 'mean' }
const size: Statistic = { at: 'gradient', of: (g, ops) => ops.abs(g), reduce: 'mean' }
const square: Statistic = { at: 'gradient', of: (g, ops) => ops.square(g), reduce: 'mean' }

const KINDS: Record<'taylor' | 'snip' | 'magnitude' | 'fisher' | 'mix', Omit<Criterion, 'name'>> = {
  taylor: { needs: { mean }, saliency: ({ weight, stats }, ops) => ops.square(ops.multiply(weight, stats.mean!)) },
  snip: { needs: { mean }, saliency: ({ weight, stats }, ops) => ops.abs(ops.multiply(weight, stats.mean!)) },
  magnitude: { needs: { size }, saliency: ({ stats }) => stats.size! },
  fisher: { needs: { square }, saliency: ({ weight, stats }, ops) => second(weight, stats.square!, ops) },
  mix: {
    needs: { mean, square },
    saliency: ({ weight, stats }, ops) => {
      const half = ops.multiply(ops.constant(0.5), second(weight, stats.square!, ops))
      return ops.abs(ops.subtract(ops.multiply(weight, stats.mean!), half))
    },
  },
}

function second(weight: TracedValue, square: TracedValue, ops: Ops): TracedValue {
  return ops.multiply(ops.square(weight), square)
}

const gates: Omit<UnitCriterion, 'name'> = {
  kind: 'units',
  data: 'training',
  async score(groups, probe) {
    const sizes = await probe.gradients(groups, 'size')
    return sizes.map((scores) => {
      const length = Math.hypot(...scores)
      return length === 0 ? scores : scores.map((score) => score / length)
    })
  },
}

export default gradient

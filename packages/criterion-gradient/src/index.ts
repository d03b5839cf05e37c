import { type Criterion, type Ops, PareError, type Statistic, type TracedValue, type UnitCriterion } from '@pare/core'

/**
 * What is made of the gradient g of the loss. 'taylor': (w · E g)², what the loss changes by when w goes, to first order (Molchanov et al. 2019, arXiv 1906.10771, eq. 8).
 * 'snip': |w · E g| (Lee et al. 2018, arXiv 1810.02340, eq. 6). 'magnitude': E |g|. 'fisher': w² · E g², sample by sample (Theis et al. 2018, arXiv 1801.05787).
 * 'mix': |w · E g − ½ w² · E g²| (LLM-Pruner, Ma et al. 2023, arXiv 2305.11627, eq. 5). 'gates': of whole units, E |∂loss/∂gate|, of length 1 in each group
 * (Michel et al. 2019, arXiv 1905.10650, eq. 2).
 */
export type GradientKind = 'taylor' | 'snip' | 'magnitude' | 'fisher' | 'mix' | 'gates'

export interface GradientOptions {
  /** Default: 'taylor' */
  readonly of?: GradientKind
}

/** Judges weights, or whole units, by what the loss on training data would feel of their removal. */
export function gradient(options: { readonly of: 'gates' }): UnitCriterion
export function gradient(options?: { readonly of?: Exclude<GradientKind, 'gates'> }): Criterion
export function gradient(options?: GradientOptions): Criterion | UnitCriterion
export function gradient({ of = 'taylor' }: GradientOptions = {}): Criterion | UnitCriterion {
  if (of === 'gates') return gates
  const kind = Object.hasOwn(KINDS, of) ? KINDS[of] : undefined
  if (kind === undefined) {
    throw new PareError(
      `gradient: of is ${JSON.stringify(of)}; one of ${[...Object.keys(KINDS), 'gates'].join(', ')} was expected.`,
      {
        hint: 'gradient:of=taylor for what removing a weight changes the loss by.',
      },
    )
  }
  return { name: 'gradient', ...kind }
}

const mean: Statistic = { at: 'gradient', reduce: 'mean' }
const size: Statistic = { at: 'gradient', of: (g, ops) => ops.abs(g), reduce: 'mean' }
const square: Statistic = { at: 'gradient', of: (g, ops) => ops.square(g), reduce: 'mean' }

const KINDS: Record<Exclude<GradientKind, 'gates'>, Pick<Criterion, 'needs' | 'saliency'>> = {
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

const gates: UnitCriterion = {
  kind: 'units',
  name: 'gradient',
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

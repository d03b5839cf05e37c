import { type Criterion, defineCriterion, type Ops, type OptionsOf, type Statistic, type TracedValue, z } from '@pare/core'

const KINDS = ['mean', 'l2', 'apoz', 'fluctuation'] as const

export type ActivationKind = (typeof KINDS)[number]

export type ActivationOptions = OptionsOf<typeof activation>

/** Judges what is computed by how active it is on calibration data, where it is read. Made for units: neurons, channels, heads. */
export const activation = defineCriterion({
  name: 'activation',
  about:
    'Judges what is computed by how active it is on calibration data, where it is read. Made for units: neurons, channels, heads.',
  options: {
    kind: z
      .enum(KINDS)
      .default('l2')
      .describe(
        'mean of |a|; l2, the root of the mean of a²; apoz, how often |a| reaches epsilon (Hu et al. 2016, arXiv 1607.03250); fluctuation, the variance of a times w² (FLAP, An et al. 2023, arXiv 2312.11983, §3)',
      ),
    epsilon: z
      .number()
      .gt(0)
      .default(0.01)
      .describe('below it |a| counts as zero, for apoz: ReLU gives true zeros, GELU and SiLU small numbers'),
  },
  create: ({ kind, epsilon }): Omit<Criterion<{ active: Statistic }>, 'name'> => ({
    needs: { active: { at: 'input', ...STATISTICS[kind](epsilon) } },
    readersOnly: true,
    saliency: ({ weight, stats: { active } }, ops) => SALIENCIES[kind](weight, active, ops),
  }),
})

const STATISTICS: Record<ActivationKind, (epsilon: number) => Pick<Statistic, 'of' | 'reduce'>> = {
  mean: () => ({ of: (a, ops) => ops.abs(a), reduce: 'mean' }),
  l2: () => ({ of: (a, ops) => ops.square(a), reduce: 'mean' }),
  apoz: (epsilon) => ({ of: (a, ops) => ops.less(ops.abs(a), ops.constant(epsilon)), reduce: 'mean' }),
  fluctuation: () => ({ reduce: 'variance' }),
}

const SALIENCIES: Record<ActivationKind, (weight: TracedValue, active: TracedValue, ops: Ops) => TracedValue> = {
  mean: (_, active) => active,
  l2: (_, active, ops) => ops.sqrt(active),
  apoz: (_, active, ops) => ops.subtract(ops.constant(1), active),
  fluctuation: (weight, active, ops) => ops.multiply(ops.square(weight), active),
}

export default activation

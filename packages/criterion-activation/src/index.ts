import { type Criterion, type Ops, PareError, type Statistic, type TracedValue } from '@pare/core'

/**
 * How active a thing is: 'mean' of |a|; 'l2', the root of the mean of a²; 'apoz', how often |a| reaches ε (Hu et al. 2016, arXiv 1607.03250);
 * 'fluctuation', the variance of a times w² (FLAP, An et al. 2023, arXiv 2312.11983, §3).
 */
export type ActivationKind = 'mean' | 'l2' | 'apoz' | 'fluctuation'

export interface ActivationOptions {
  /** Default: 'l2' */
  readonly kind?: ActivationKind
  /** Below it |a| counts as zero, for 'apoz': ReLU gives true zeros, GELU and SiLU small numbers. Default: 0.01 */
  readonly epsilon?: number
}

type Needs = { active: Statistic }

/** Judges what is computed by how active it is on calibration data, where it is read. Made for units: neurons, channels, heads. */
export function activation({ kind = 'l2', epsilon = 0.01 }: ActivationOptions = {}): Criterion<Needs> {
  if (!Object.hasOwn(STATISTICS, kind)) {
    throw new PareError(
      `activation: kind is ${JSON.stringify(kind)}; one of ${Object.keys(STATISTICS).join(', ')} was expected.`,
      {
        hint: 'activation:kind=l2 for the size of activations.',
      },
    )
  }
  if (!(epsilon > 0)) {
    throw new PareError(`activation: epsilon is ${JSON.stringify(epsilon)}; a number above 0 was expected.`, {
      hint: 'activation:kind=apoz,epsilon=0.01',
    })
  }
  return {
    name: 'activation',
    needs: { active: { at: 'input', ...STATISTICS[kind](epsilon) } },
    readersOnly: true,
    saliency: ({ weight, stats: { active } }, ops) => SALIENCIES[kind](weight, active, ops),
  }
}

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

import { PareError } from '@pare/onnx/error'
import { type Curve, SPARSITY_CURVES } from '../curves.js'

/** How large the learning rate is at each step. */
export interface LearningRateOptions {
  /** The largest. */
  readonly peak: number
  /** Steps in all. */
  readonly steps: number
  /** How it goes down after warming up. Default: 'cosine' */
  readonly schedule?: Schedule
  /** Steps until the peak, on a straight line from 0; below 1 a share of all steps. Default: 0.05 */
  readonly warmup?: number
}

/** How the learning rate goes down. */
export const DESCENTS = ['cosine', 'linear', 'constant'] as const

export type Schedule = (typeof DESCENTS)[number]

/**
 * The learning rate of step `step`, from 0 on. Step s of w that warm up has peak · (s + 1) ÷ w. From there on, with p the share that is done of the others,
 * 'cosine': peak · (1 + cos πp) ÷ 2; 'linear': peak · (1 − p); 'constant': the peak.
 */
export function learningRateAt({ peak, steps, schedule = 'cosine', warmup = 0.05 }: LearningRateOptions, step: number): number {
  const warm = warmup < 1 ? Math.round(warmup * steps) : Math.min(warmup, steps)
  if (step < warm) return (peak * (step + 1)) / warm
  // The last step still moves.
  const progress = (step - warm) / Math.max(1, steps - warm)
  switch (schedule) {
    case 'cosine':
      return (peak * (1 + Math.cos(Math.PI * progress))) / 2
    case 'linear':
      return peak * (1 - progress)
    case 'constant':
      return peak
    default:
      return schedule satisfies never
  }
}

/** Where a sparsity goes while a model is pruned and trained in turn. */
export interface SparsityOptions {
  /** At the beginning. Default: 0 */
  readonly from?: number
  /** After the last step. */
  readonly to: number
  readonly steps: number
  /** Default: 'cubic' */
  readonly curve?: Curve
}

/** The sparsity after `step` of the steps, on one of the curves of `SPARSITY_CURVES`. */
export function sparsityAt({ from = 0, to, steps, curve = 'cubic' }: SparsityOptions, step: number): number {
  if (step >= steps) return to
  const t = Math.max(0, step) / steps
  return SPARSITY_CURVES[curve]({ from, to, t })
}

/** The sparsity after each of the steps: the last is `to`. Throws PareError for what is no sparsity or no number of steps. */
export function sparsities(options: SparsityOptions): number[] {
  const { from = 0, to, steps } = options
  if (!(Number.isInteger(steps) && steps >= 1)) {
    throw new PareError(`schedule: ${steps} steps, expected a whole number from 1 on.`, {
      hint: "say { kind: 'iterative', steps: 5 }.",
    })
  }
  if (!(from >= 0 && to <= 1 && from <= to)) {
    throw new PareError(
      `schedule: from a sparsity of ${from} to ${to}, expected two numbers from 0 to 1, the second not below the first.`,
      {
        hint: 'a model does not become denser by pruning: raise the target.',
      },
    )
  }
  return Array.from({ length: steps }, (_, i) => sparsityAt(options, i + 1))
}

import { combined } from './demands/combined.js'
import type { ModelFigures } from './demands/model-limits.js'
import { judgeWhole } from './demands/whole.js'
import type { Aggregate, Limits, Measurement, SampleFacts, Verdict } from './measurement.js'

/** Two measurements over the same samples, and what is demanded of them. Undefined: it could not be measured. */
export interface Case extends ModelFigures {
  readonly reference: Measurement | undefined
  readonly pruned: Measurement | undefined
  readonly limits: Limits
  /** Default: each sample stands alone */
  readonly facts?: SampleFacts | undefined
  /** Makes a value of records, where the metric has some. */
  readonly aggregate?: Aggregate | undefined
}

/**
 * Passes or fails a pruned model. What is missing, empty, NaN or measured on other samples makes the verdict incomplete, and so does the
 * absence of any limit, samples in too few groups, and a reference from which nothing can be lost: only a met demand is a pass. `limits` are those that
 * `validateLimits` found no fault with; a NaN among them fails. Several demands are judged by `judgeDemands`.
 */
export function judge({ reference, pruned, limits, facts, aggregate, ...figures }: Case): Verdict {
  const metric = reference?.metric ?? pruned?.metric ?? 'the metric'
  return combined([judgeWhole(limits, { metric, pair: { reference, pruned }, facts, aggregate, figures })])
}

import { type Model, PareError } from '@pare/onnx'
import { weightsOf } from '../analyse/analyse.js'
import type { Weight } from '../contract/contract.js'
import { type MeasuredStatistics, measure, requestsFor, type StatisticsOptions } from './measure.js'
import type { Needing } from './statistics/statistics.js'

/** What some criteria need, of every weight of a model. */
export interface MeasuredAll {
  readonly measured: MeasuredStatistics
  /** Weights that data tell nothing of, with the reason. */
  readonly left: readonly { readonly id: string; readonly reason: string }[]
}

/** Measures what criteria need for all weights of a model. What two of them need is measured once. */
export async function measureAll(model: Model, criteria: readonly Needing[], options: StatisticsOptions): Promise<MeasuredAll> {
  const needs = Object.fromEntries(
    criteria.flatMap(({ needs }, i) => Object.entries(needs).map(([key, statistic]) => [`${i} ${key}`, statistic] as const)),
  )
  const left: { id: string; reason: string }[] = []
  const weights = weightsOf(model).filter((weight) => {
    const reason = whyNot(weight, needs)
    if (reason !== undefined) left.push({ id: weight.id, reason })
    return reason === undefined
  })
  return { measured: await measure(model, weights, needs, options), left }
}

function whyNot(weight: Weight, needs: Needing['needs']): string | undefined {
  try {
    requestsFor(weight, needs)
    return undefined
  } catch (error) {
    if (error instanceof PareError) return error.message
    throw error
  }
}

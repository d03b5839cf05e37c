import { type Model, PareError, present } from '@pare/onnx'
import type { Statistic, Weight } from '../../contract/contract.js'
import type { PlanOptions } from '../../plan/plan.js'
import { needsTraining } from '../gradients.js'
import type { LevelMeasuring } from '../levels.js'
import { type LastRead, type MeasuredStatistics, measure, statisticsOf } from '../measure.js'
import type { SpreadStatistic } from '../spread.js'
import { totalOf } from './totals.js'

/** What weights meet in calibration data, for one criterion. */
export interface WeightStatistics {
  /** By key of the criterion's needs. Throws PareError for a weight that was not measured. */
  of(weight: Weight): Readonly<Record<string, SpreadStatistic>>
}

export type Needs = Readonly<Record<string, Statistic>>

/** Whoever looks at data. */
export interface Needing {
  readonly name: string
  readonly needs: Needs
}

/** Where statistics come from. */
export type StatisticsSource = PlanOptions & Partial<Pick<LevelMeasuring, 'padding' | 'shapes'>>

/** What a criterion needs of these weights: as it was measured before, or measured now on the model as it is. Undefined where it needs nothing. */
export async function statisticsFor(
  { name, needs }: Needing,
  { model, weights }: { model: Model; weights: readonly Weight[] },
  { measured, forward, gradients, signal, onProgress, onPadding, padding, shapes }: StatisticsSource,
): Promise<WeightStatistics | undefined> {
  if (Object.keys(needs).length === 0) return undefined
  if (measured !== undefined) return statisticsFrom(measured, { name, needs })
  const isOfGradients = Object.values(needs).map(({ at }) => at === 'gradient')
  if (forward === undefined && isOfGradients.includes(false)) throw needsData(name, needs)
  if (gradients === undefined && isOfGradients.includes(true)) throw needsTraining(name)
  const options = { ...present({ forward, gradients, shapes }), onPadding, padding, ...present({ signal }) }
  const progress = onProgress && (({ done, total = done }: { done: number; total?: number }) => onProgress({ done, total }))
  return statisticsFrom(await measure(model, weights, needs, { ...options, ...present({ onProgress: progress }) }), {
    name,
    needs,
  })
}

/** Reads what was measured before. */
export function statisticsFrom({ blocks, reductions }: MeasuredStatistics, { name, needs }: Needing): WeightStatistics {
  const totals = totalOf(blocks, reductions)
  const memo = new Map<string, LastRead>()
  return { of: (weight) => statisticsOf(weight, needs, totals, { criterion: name, memo }) }
}

function needsData(name: string, needs: Needs): PareError {
  return new PareError(`criterion '${name}' needs ${Object.keys(needs).join(', ')} of calibration data, and there are none.`, {
    hint: 'name inputs that are like those the model will meet: --calibrate data.npz, or calibrate in the config.',
  })
}

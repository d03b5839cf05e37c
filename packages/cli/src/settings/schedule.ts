import type { PruneStep, Target } from '@pare/core'
import type { Curve } from '@pare/retrain'
import { sparsities } from '@pare/retrain/choices'
import { DEFAULT_STAGES, type ScheduleConfig } from '../options/recover.js'
import type { Problem } from '../terminal/failure.js'

/** The steps of each stage. One stage where it is one-shot. */
export function stagesOf(steps: readonly PruneStep[], config: ScheduleConfig | undefined): readonly (readonly PruneStep[])[] {
  if (config === undefined || config === 'one-shot') return [steps]
  const { steps: count = DEFAULT_STAGES, curve = 'cubic' } = config
  return Array.from({ length: count }, (_, stage) =>
    steps.map((step) => ({ ...step, target: targetAt(goalOf(step), { stage, count, curve }) })),
  )
}

interface Stage {
  readonly stage: number
  readonly count: number
  readonly curve: Curve
}

/** Sparsities count what was zero before; units and budgets are of the model that the stage is given, which is smaller already. */
function targetAt(goal: Target, { stage, count, curve }: Stage): Target {
  const along = (to: number) => {
    const all = [0, ...sparsities({ to, steps: count, curve })]
    return { before: all[stage]!, after: all[stage + 1]! }
  }
  if ('sparsity' in goal) return { sparsity: along(goal.sparsity).after }
  if ('threshold' in goal) return goal
  if ('ratio' in goal) {
    // 1 − after = (1 − before) · (1 − ratio)
    const { before, after } = along(goal.ratio)
    return { ratio: before === 1 ? 0 : 1 - (1 - after) / (1 - before) }
  }
  const [[kind, amount]] = Object.entries(goal) as [[string, number]]
  const { before, after } = along(1 - amount)
  return { [kind]: (1 - after) / (1 - before) } as unknown as Target
}

function goalOf({ target, structure }: PruneStep): Target {
  return target ?? { sparsity: structure.sparsity ?? 0.5 }
}

export interface ScheduleQuestion {
  readonly schedule: ScheduleConfig | undefined
  /** Whether calibration data are a file of statistics. */
  readonly isMeasured: boolean
  /** The place of a step. */
  readonly at: (step: number) => string
}

/** Why steps cannot be taken in stages, if so. */
export function scheduleProblems(steps: readonly PruneStep[], { schedule, isMeasured, at }: ScheduleQuestion): Problem[] {
  if (schedule === undefined || schedule === 'one-shot') return []
  return steps.flatMap((step, i) => {
    const { structure, target, criterion } = step
    if (criterion.kind === 'mask') {
      const message = `${criterion.name} says what goes at once, and cannot be approached in steps.`
      return [{ place: at(i), message, hint: 'leave the schedule out' }]
    }
    if (isMeasured && criterion.kind !== 'units' && Object.keys(criterion.needs).length > 0) {
      const message = `criterion '${criterion.name}' judges what the stages before leave, and a file of statistics is of the whole model.`
      return [{ place: at(i), message, hint: 'give the data themselves: --calibrate data.npz' }]
    }
    if (structure.sparsity !== undefined) {
      const message = `structure '${structure.name}' always masks ${structure.sparsity} of the elements, and cannot be approached in steps.`
      return [{ place: at(i), message, hint: 'leave the schedule out, or choose a structure that takes a sparsity' }]
    }
    if (target !== undefined && 'threshold' in target) {
      const message = `a threshold (${target.threshold}) cannot be approached in steps.`
      return [{ place: at(i), message, hint: 'give a sparsity, or leave the schedule out' }]
    }
    return []
  })
}

/** How many of `steps` training steps belong to a stage of so many: half of all to the last, the others share the rest. */
export function shareOf(steps: number, { stage, count }: { readonly stage: number; readonly count: number }): number {
  if (count === 1) return steps
  const last = Math.ceil(steps / 2)
  const others = Math.floor((steps - last) / (count - 1))
  return Math.max(1, stage === count - 1 ? steps - others * (count - 1) : others)
}

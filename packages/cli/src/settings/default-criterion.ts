import type { PlanStep, PruneStep, Structure } from '@pare/core'
import type { Task } from './tasks.js'

/**
 * What judges the units of a structure where there are calibration data that can be run, and a step names no criterion: the best that was measured on our models
 * (docs/decisions/022). Of what is not named here, and without data, magnitude.
 */
const CALIBRATED: Readonly<Record<string, string>> = { channel: 'osscar', head: 'wanda', neuron: 'osscar' }

export interface DefaultChoice {
  readonly structure: Structure
  /** Norms put saliencies of elements together: a step that names one wants a criterion that judges elements. */
  readonly norm: PruneStep['norm']
  /** Whether there are calibration data that can be run. */
  readonly isCalibrated: boolean
}

/** The name of the criterion of a step that names none. */
export function defaultCriterion({ structure: { name, kind }, norm, isCalibrated }: DefaultChoice): string {
  const calibrated = kind === 'cut' && norm === undefined && Object.hasOwn(CALIBRATED, name) ? CALIBRATED[name] : undefined
  return isCalibrated ? (calibrated ?? 'magnitude') : 'magnitude'
}

/** Which criteria were taken since there are calibration data, and where not, one sentence for each step. */
export function describeDefaults({ steps, said }: Pick<Task, 'steps' | 'said'>, planned: readonly PlanStep[]): readonly string[] {
  const { prune } = said
  const why = 'preset' in prune ? `preset ${String(prune.preset)} does so` : 'the default'
  const cuts = planned.filter((step) => step.kind === 'cut')
  return steps.flatMap(({ structure, criterion, otherwise }) => {
    const taken = otherwise && cuts.find((step) => step.structure === structure.name)?.criterion
    if (taken === undefined) return []
    return taken === criterion.name
      ? [`${structure.name}: chosen by ${taken}, ${why} where there are calibration data`]
      : [
          `${structure.name}: chosen by ${taken}, since ${criterion.name} asks what reads the units, and of a group nothing of that is measured`,
        ]
  })
}

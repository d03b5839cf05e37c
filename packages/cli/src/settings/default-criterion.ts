import type { PruneStep, Structure } from '@pare/core'
import type { Task } from './tasks.js'

/**
 * What judges the units of a structure where there are calibration data that can be run, and a step names no criterion: the best that was measured on our models
 * (docs/decisions/022). Of what is not named here, and without data, magnitude.
 */
const CALIBRATED: Readonly<Record<string, string>> = { channel: 'osscar', head: 'osscar', neuron: 'osscar' }

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

/** Which criteria were taken since there are calibration data, one sentence for each structure. */
export function describeDefaults({ steps, said, calibration }: Pick<Task, 'steps' | 'said' | 'calibration'>): readonly string[] {
  if (calibration === undefined || calibration.statistics !== undefined) return []
  const { prune } = said
  const chosen = steps.filter(
    ({ criterion }, i) =>
      criterion.name !== 'magnitude' && ('preset' in prune || prune[i]?.criterion === undefined) && !isMask(prune, i),
  )
  const why = 'preset' in prune ? `preset ${String(prune.preset)} does so where` : 'the default where'
  return chosen.map(
    ({ structure, criterion }) => `units of ${structure.name} are judged by ${criterion.name}, ${why} there are calibration data`,
  )
}

const isMask = (prune: Task['said']['prune'], i: number) => !('preset' in prune) && prune[i]?.mask !== undefined

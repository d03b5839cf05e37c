import type { PruneStep, Structure } from '@pare/core'

/**
 * What judges the units of a structure where there are calibration data that can be run, and a step names no criterion: the best that was measured on our models
 * (docs/decisions/023). Of what is not named here, and without data, magnitude.
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

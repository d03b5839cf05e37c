import { type PluginOrigin, present, refuseStray } from '@pare/onnx'
import type { Criterion, Solver } from '../contract/contract.js'
import type { PresetStep } from '../plan/plan.js'
import { partsOfStep } from '../plan/step-members.js'
import { guardCriterion } from './guard-criterion.js'
import { guardStructure } from './guard-structure.js'

/** A step of a preset, `number` counted from 1, with its plugins guarded: what it says that nobody reads, and what they do wrong, is told as the preset's fault. */
export function guardStep(step: PresetStep, number: number, origin: PluginOrigin): PresetStep {
  for (const part of partsOfStep(step, 'the step')) {
    const place = part.what === 'the step' ? `step ${number}` : `${part.what} of step ${number}`
    refuseStray(origin, { ...part, what: place })
  }
  const { structure, criterion, otherwise, refit, calibrated } = step
  return {
    ...step,
    structure: guardStructure(structure, origin),
    criterion: guardCriterion(criterion, origin),
    ...present({
      otherwise: otherwise && (guardCriterion(otherwise, origin) as Criterion),
      refit: refit && (guardCriterion(refit, origin) as Solver),
      calibrated: calibrated && { ...calibrated, criterion: guardCriterion(calibrated.criterion, origin) },
    }),
  }
}

import type { PruneStep } from '@pare/core'
import { present } from '@pare/onnx'
import type { PresetConfig } from '../options/prune.js'
import { readReference } from '../plugins/plugin-reference.js'
import { resolvePreset } from '../plugins/plugins.js'
import { resolveStep, type StepSource } from './prune-step.js'

/** The steps of a preset, with the ratio that was asked for, as they are with or without calibration data. */
export async function presetSteps({ preset, ratio }: PresetConfig, source: StepSource): Promise<readonly PruneStep[]> {
  const { name, options } = readReference('preset', preset)
  const steps = await resolvePreset({ ...options, ...present({ ratio }), name }, source)
  return Promise.all(steps.map((step) => resolveStep(step, source)))
}

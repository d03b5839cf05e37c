import type { PruneStep } from '@pare/core'
import type { PresetConfig } from '../options/prune.js'
import { readReference } from '../plugins/plugin-reference.js'
import { type PluginSource, resolvePreset } from '../plugins/plugins.js'
import { resolveStep } from './prune-step.js'

/** The steps of a preset, with the ratio that was asked for. */
export async function presetSteps({ preset, ratio }: PresetConfig, source: PluginSource): Promise<readonly PruneStep[]> {
  const { name, options } = readReference('preset', preset)
  const steps = await resolvePreset({ ...options, ...(ratio !== undefined && { ratio }), name }, source)
  return Promise.all(steps.map((step) => resolveStep(step, source)))
}

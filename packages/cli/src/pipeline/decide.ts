import { type CalibrationFacts, makePlan, type Planned, type PruneStep } from '@pare/core'
import type { Model } from '@pare/onnx'
import { openCalibration } from '../engine/calibrate.js'
import { type DeviceFacts, onDevice } from '../engine/device.js'
import { gradientsFor } from '../engine/gradients.js'
import { timeModels } from '../engine/latency.js'
import type { Engine, Work } from '../engine/work.js'
import type { ModelHashes } from '../files/hash-model.js'
import { showPath } from '../files/paths.js'
import { type CalibrationSource, looksAtGradients } from '../settings/calibration.js'
import type { Recover } from '../settings/recover.js'
import type { TrainingSource } from '../settings/training.js'
import { phasesOf } from './phases.js'
import { emptiedLayers } from './removed.js'

export interface Decision {
  readonly steps: readonly PruneStep[]
  readonly seed: number
  readonly recover?: Recover
  readonly calibration?: CalibrationSource
  /** What criteria that look at gradients take them of. */
  readonly training?: TrainingSource
  readonly cwd: string
  readonly engine?: Engine
  /** Of the model. */
  readonly hashes: () => Promise<ModelHashes>
}

export interface Decided {
  readonly planned: Planned
  readonly device: DeviceFacts
  readonly calibration?: CalibrationFacts
  readonly warnings: readonly string[]
}

/** Decides what goes. */
export async function decide(model: Model, decision: Decision, work: Work): Promise<Decided> {
  const { steps, seed, calibration: source, cwd, engine = {}, hashes } = decision
  using phases = phasesOf(work.progress, work.label)
  const shown = source === undefined ? '' : showPath(source.run.data, cwd)
  await using opened = await openCalibration({ source, steps, engine, phases, hashes, shown }, work)
  const onProgress = (told: { done: number; total: number }) => phases.at('deciding what goes', told)
  if (opened === undefined) onProgress({ done: 0, total: 1 })
  const gradients = await gradientsFor(model, { ...decision, engine, phases }, work)
  const options = {
    seed,
    signal: work.signal,
    onProgress,
    ...opened?.options,
    ...(gradients && { gradients }),
    latency: timeModels({ ...work, engine }),
  }
  const { value: planned, device } = await onDevice(engine.device ?? 'auto', work, (backend) =>
    makePlan(model, steps, { ...options, ...(backend && { backend }) }),
  )
  const unused = source !== undefined && opened === undefined && decision.recover?.repair !== true
  const told = unused ? [`no criterion looks at data: ${shown} is not used`] : (opened?.warnings() ?? [])
  const { training, recover } = decision
  const idle = training !== undefined && recover?.retrain === undefined && !steps.some(looksAtGradients)
  const untrained = idle
    ? [`no criterion looks at gradients, and nothing is retrained: ${showPath(training.data, cwd)} is not used`]
    : []
  const warnings = [...told, ...untrained, ...emptiedLayers(planned.steps)]
  return { planned, device, warnings, ...(opened && { calibration: await opened.facts() }) }
}

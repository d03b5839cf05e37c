import type { Differentiation, PruneStep } from '@pare/core'
import type { Model } from '@pare/onnx'
import { showPath } from '../files/paths.js'
import type { Phases } from '../pipeline/phases.js'
import { looksAtGradients } from '../settings/calibration.js'
import type { TrainingSource } from '../settings/training.js'
import { forwardOver, withProgress } from './forward.js'
import type { Engine, Work } from './work.js'

export interface Gradients {
  readonly steps: readonly PruneStep[]
  readonly training?: TrainingSource
  readonly engine: Engine
  readonly phases: Phases
  readonly cwd: string
}

/** Samples that gradients are taken of: more change the ranks of weights little, and many criteria go through them one by one. */
const SAMPLES = 512

/** Gradients of the loss that training data suggest. Undefined where no step looks at them, or there are no training data: core says so. */
export async function gradientsFor(
  model: Model,
  { steps, training, engine, phases, cwd }: Gradients,
  { progress, label }: Work,
): Promise<Differentiation | undefined> {
  if (training === undefined || !steps.some(looksAtGradients)) return undefined
  const { lossOver } = await import('@pare/retrain')
  const { kind, why, differentiate } = await lossOver(model, training)
  const { data, text, threads, trusted } = training
  progress.note(`${label}: gradients of ${kind} (${why}), up to ${SAMPLES} samples of ${showPath(data, cwd)}`)
  const run = { data, trusted, samples: SAMPLES, ...(text && { text }), ...(threads !== undefined && { threads }) }
  const forward = forwardOver(run, engine)
  return { forward: withProgress(forward, (told) => phases.at('running training data', told)), differentiate }
}

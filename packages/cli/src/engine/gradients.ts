import type { Differentiation } from '@pare/core'
import type { Model } from '@pare/onnx'
import { PareError, present } from '@pare/onnx'
import { showPath } from '../files/paths.js'
import { judgesByGradients, looksAtGradients } from '../settings/data/calibration.js'
import type { Task } from '../settings/task.js'
import { isPareError } from '../terminal/failure.js'
import type { Phases } from '../terminal/phases.js'
import { forwardOver, withProgress } from './forward.js'
import type { Work } from './work.js'

/** Samples that gradients are taken of: more change the ranks of weights little, and many criteria go through them one by one. */
const SAMPLES = 512
/** The same where they only say how much goes of each weight: each counts for all its positions, and all elements of a weight count together. */
const FEW_SAMPLES = 64

/** Gradients of the loss that training data suggest. Undefined where no step looks at them, or there are no training data: core says so. */
export async function gradientsFor(
  model: Model,
  { steps, training }: Pick<Task, 'steps' | 'training'>,
  { phases, work: { progress, label, engine, cwd } }: { readonly phases: Phases; readonly work: Work },
): Promise<Differentiation | undefined> {
  if (training === undefined || !steps.some((step) => looksAtGradients(step, training))) return undefined
  const { lossOver } = await import('@pare/retrain')
  const { kind, why, differentiate: ofLoss } = await lossOver(model, training)
  const differentiate: Differentiation['differentiate'] = async (...asked) => {
    try {
      return await ofLoss(...asked)
    } catch (error) {
      if (!isPareError(error)) throw error
      throw new PareError(`weights cannot be judged by gradients: ${error.message}`, {
        hint: 'leave out the weights that lie before it with --exclude, or choose what needs no gradients: --criterion wanda, for example.',
        cause: error,
      })
    }
  }
  const { data, text, threads, trusted, image, classes, original, workspace } = training
  const samples = steps.some(judgesByGradients) ? SAMPLES : FEW_SAMPLES
  progress.note(`${label}: gradients of ${kind} (${why}), up to ${samples} samples of ${showPath(data, cwd)}`)
  const run = { data, trusted, samples, ...present({ text, threads, image, classes, original, workspace }) }
  const forward = forwardOver(run, engine)
  return { forward: withProgress(forward, (state) => phases.at('running training data', state)), differentiate }
}

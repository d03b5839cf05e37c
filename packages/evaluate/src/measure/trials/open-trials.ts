import { basename } from 'node:path'
import { present } from '@pare/onnx'
import { type ChildOptions, runChild } from '../../process/process.js'
import type { EvaluationProgress } from '../../process/request.js'
import { meeting } from '../meeting.js'
import type { Round, TrialRequest } from './trials.js'

/** A model that stays loaded in a child process. Disposing of it ends the child. */
export interface TrialProcess extends AsyncDisposable {
  /**
   * One pass over the data: the loss with each setting, NaN where an output holds NaN. One call at a time. Throws PareError for everything the user
   * can act on, a native crash included; the signal's reason when aborted.
   */
  losses(round: Round, onProgress?: (progress: EvaluationProgress) => void): Promise<readonly number[]>
}

/** Loads a model in a child process, to be tried with many settings. Outputs stay there; only losses come back. */
export function openTrials(
  request: TrialRequest,
  options: Omit<ChildOptions, 'onProgress' | 'onPart' | 'onAsk'> = {},
): TrialProcess {
  const rounds = meeting<Round | undefined>()
  let waiting: Waiting | undefined
  const ended = runChild({ kind: 'trials', request }, basename(request.model), {
    ...options,
    onProgress: (progress) => waiting?.onProgress?.(progress),
    onAsk: (losses) => {
      // It asks for the first round with nothing to tell; what an aborted child still tells is not waited for.
      if (losses !== undefined && !options.signal?.aborted) waiting?.resolve(losses as readonly number[])
      return rounds.take()
    },
  })
  ended.catch((error: unknown) => waiting?.reject(error))
  return {
    losses(round, onProgress) {
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject, ...present({ onProgress }) }
        rounds.give(round)
        // The child may have ended before it was asked for anything.
        ended.catch(reject)
      })
    },
    async [Symbol.asyncDispose]() {
      waiting = undefined
      rounds.give(undefined)
      // Whoever waited for a round was told what went wrong.
      await ended.catch(() => {})
    },
  }
}

interface Waiting {
  readonly resolve: (losses: readonly number[]) => void
  readonly reject: (error: unknown) => void
  readonly onProgress?: (progress: EvaluationProgress) => void
}

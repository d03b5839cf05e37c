import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { OpenTrials } from '@pare/core'
import { makeTemporaryFolder, present, writeModel } from '@pare/onnx'
import { type Calibration, calibrationFiles } from '../settings/data/calibration.js'
import { childOf, type Engine, loaderFor } from './work.js'

/** What losses against labels need besides calibration data. */
export interface TrialData extends Calibration {
  /** Name of the array with the labels. Default: the first of 'label', 'labels', 'y', 'target'. */
  readonly label?: string
  /** Name of the output that is judged. Default: 'logits', else the first. */
  readonly output?: string
  /** Files of metrics that do not come with pare. */
  readonly modules?: Readonly<Record<string, string>>
}

/** Tries models out on calibration data in a child process, which stays as long as it is asked for more. */
export function trialsOver({ data, samples, shard: _, ...reading }: TrialData, engine: Engine = {}): OpenTrials {
  return async (model, { defaults, signal }) => {
    const { openTrials } = await import('@pare/evaluate')
    const folder = makeTemporaryFolder('trials')
    const remove = () => rm(folder, { recursive: true, force: true })
    const path = join(folder, 'trials.onnx')
    try {
      await writeModel(model, path, signal === undefined ? {} : { signal })
    } catch (error) {
      await remove()
      throw error
    }
    const request = {
      ...{ model: path, data, defaults, ...reading },
    }
    const trials = openTrials(request, {
      // As long as it takes: progress shows, and it can be stopped.
      timeoutMs: Number.MAX_SAFE_INTEGER,
      ...present({ signal }),
      ...childOf(engine),
      ...loaderFor(calibrationFiles({ data, ...reading })),
    })
    return {
      losses: (settings, { against, samples: asked, share, onProgress }) => {
        const most = Math.min(asked ?? Number.POSITIVE_INFINITY, samples ?? Number.POSITIVE_INFINITY)
        return trials.losses(
          { settings, against, ...present({ share, samples: Number.isFinite(most) ? most : undefined }) },
          onProgress,
        )
      },
      async [Symbol.asyncDispose]() {
        await trials[Symbol.asyncDispose]()
        await remove()
      },
    }
  }
}

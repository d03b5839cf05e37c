import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHUNK_SAMPLES, type Forward } from '@pare/core'
import type { Forwarded } from '@pare/evaluate'
import { present, writeModel } from '@pare/onnx'
import type { Calibration } from '../settings/calibration.js'
import { childOf, type Engine } from './work.js'

/** What ran, as far as it is known. */
export type RunCounts = Pick<Forwarded, 'samples' | 'leftOut'>

/** Runs models over calibration data in a child process, as core asks for it. Masks are those of the data, else ones. `onEnd` is told what ran. */
export function forwardOver(
  { data, text, samples, batch, threads, trusted, shard, image, original, workspace }: Calibration,
  engine: Engine = {},
  onEnd?: (outcome: Forwarded) => void,
): Forward {
  const forward: Forward = async function* (model, { sums, from = 0, batch: most = batch, signal, onProgress }) {
    const { forwardModel } = await import('@pare/evaluate')
    const folder = await mkdtemp(join(tmpdir(), 'pare-calibrate-'))
    try {
      const path = join(folder, 'calibrate.onnx')
      await writeModel(model, path, signal === undefined ? {} : { signal })
      const request = {
        ...{ model: path, data, sums: [...sums], chunk: CHUNK_SAMPLES },
        ...present({ text, image, original, workspace }),
        ...(from > 0 && { from: from * CHUNK_SAMPLES }),
        ...present({ shard, to: samples, batch: most, threads, trusted }),
      }
      yield* forwardModel(request, {
        ...present({ signal, onProgress, onEnd }),
        // As long as it takes: progress shows, and it can be stopped.
        timeoutMs: Number.MAX_SAFE_INTEGER,
        ...childOf(engine),
      }) as AsyncGenerator<never>
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
  return Object.assign(forward, { fillsMask: true })
}

/** The same, told of elsewhere. */
export function withProgress(forward: Forward, onProgress: NonNullable<Parameters<Forward>[1]['onProgress']>): Forward {
  const relay: Forward = (model, options) => forward(model, { ...options, onProgress })
  return Object.assign(relay, { fillsMask: forward.fillsMask ?? false })
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHUNK_SAMPLES, type Forward } from '@pare/core'
import type { TextOptions } from '@pare/evaluate'
import { writeModel } from '@pare/onnx'
import type { Engine } from './work.js'

/** Calibration data: inputs only. */
export interface Calibration {
  readonly data: string
  readonly text?: TextOptions
  /** Only the first so many samples. Default: all */
  readonly samples?: number
  readonly batch?: number
  readonly threads?: number
  /** Whether a data module may be run. Default: false */
  readonly trusted?: boolean
}

/** Runs models over calibration data in a child process, as core asks for it. */
export function forwardOver({ data, text, samples, batch, threads, trusted }: Calibration, engine: Engine = {}): Forward {
  return async function* (model, { sums, signal, onProgress }) {
    const { forwardModel } = await import('@pare/evaluate')
    const folder = await mkdtemp(join(tmpdir(), 'pare-calibrate-'))
    try {
      const path = join(folder, 'calibrate.onnx')
      await writeModel(model, path, signal === undefined ? {} : { signal })
      const request = {
        ...{ model: path, data, sums: [...sums], chunk: CHUNK_SAMPLES },
        ...(text && { text }),
        ...(samples !== undefined && { to: samples }),
        ...(batch !== undefined && { batch }),
        ...(threads !== undefined && { threads }),
        ...(trusted !== undefined && { trusted }),
      }
      yield* forwardModel(request, {
        ...(signal && { signal }),
        ...(onProgress && { onProgress }),
        ...(engine.evaluateChild !== undefined && { child: engine.evaluateChild }),
        ...(engine.onnxruntime !== undefined && { onnxruntime: engine.onnxruntime }),
      }) as AsyncGenerator<never>
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
}

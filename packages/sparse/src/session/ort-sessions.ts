import { dirname, resolve } from 'node:path'
import { type Model, modelBytes, PareError } from '@pare/onnx'
import type { OnnxRuntime } from '@pare/onnxruntime'
import type * as Ort from 'onnxruntime-common'

/** A session of a model that shares tensors with the one that was opened. `options` stand in for those that all have. */
export type CreateSession = (model: Model, options?: Ort.InferenceSession.SessionOptions) => Promise<Ort.InferenceSession>

/** `options` stand in for what is usual. */
export function sessionSettings(
  threads: number,
  options: Ort.InferenceSession.SessionOptions | undefined,
): Ort.InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    // Threads of ONNX Runtime that wait busily between its parts would take the cores from ours.
    extra: { session: { force_spinning_stop: '1' } },
    ...options,
  }
}

/**
 * Of parts of the model in a file: external data stay in their files, where ONNX Runtime maps them into memory, so that parts may be larger than the 2 GiB
 * that bytes may have.
 */
export function sessionsOf(
  ort: OnnxRuntime,
  source: string | Uint8Array,
  settings: Ort.InferenceSession.SessionOptions,
): CreateSession {
  if (typeof source !== 'string')
    return async (model, options) => ort.InferenceSession.create(await modelBytes(model), { ...settings, ...options })
  const folder = dirname(resolve(source))
  return async (model, options) =>
    ort.InferenceSession.create(
      await modelBytes(model, { externalFrom: folder }),
      withFolder({ ...settings, ...options }, folder),
    )
}

function withFolder(settings: Ort.InferenceSession.SessionOptions, folder: string): Ort.InferenceSession.SessionOptions {
  const session = { ...(settings.extra?.session as object), model_external_initializers_file_folder_path: folder }
  return { ...settings, extra: { ...settings.extra, session } }
}

export async function createDense(
  ort: OnnxRuntime,
  source: string | Uint8Array,
  settings: Ort.InferenceSession.SessionOptions,
): Promise<Ort.InferenceSession> {
  try {
    return await (typeof source === 'string'
      ? ort.InferenceSession.create(resolve(source), settings)
      : ort.InferenceSession.create(source, settings))
  } catch (cause) {
    throw new PareError(`sparse: ONNX Runtime cannot load the model: ${(cause as Error).message}`, {
      hint: 'check the file; pare inspect MODEL shows what is in it.',
      cause,
    })
  }
}

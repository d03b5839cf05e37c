import { availableParallelism } from 'node:os'
import { loadOnnxRuntime, type OnnxRuntime, provideOnnxRuntime } from '@pare/onnxruntime'
import { createDense, inferValues, inTurn, OF_SESSION, pays, sessionSettings, sessionsOf } from '@pare/sparse/sessions'
import type { RuntimeBeside, RuntimeRequest } from './runtime-request.js'

/** ONNX Runtime, unless the options say that there is none; runtime.browser.ts is its counterpart. */
export async function openRuntime(
  source: string | Uint8Array,
  { model, options, closers }: RuntimeRequest,
): Promise<RuntimeBeside | undefined> {
  if (options.ort === null) return undefined
  const ort = (options.ort ?? loadOnnxRuntime(await provideOnnxRuntime())) as OnnxRuntime
  const settings = sessionSettings(options.threads ?? availableParallelism(), undefined)
  const createSession = sessionsOf(ort, source, settings)
  const segments = { createSession, infoOf: (names: readonly string[]) => inferValues(createSession, model, names) }
  if (options.plan === 'device') return segments
  const session = await createDense(ort, source, settings)
  closers.push(async () => session.release())
  return { ...segments, dense: { session, inTurn, pays, effort: OF_SESSION } }
}

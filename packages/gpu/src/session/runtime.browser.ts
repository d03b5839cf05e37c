import { modelBytes, type ValueInfo } from '@pare/onnx'
import type { RuntimeBeside, RuntimeRequest } from './runtime-request.js'

/** ONNX Runtime where the options have one, for stretches between stages. The types of what crosses are those that the model states. */
export async function openRuntime(
  _: string | Uint8Array,
  { model, options }: RuntimeRequest,
): Promise<RuntimeBeside | undefined> {
  const { ort } = options
  if (ort === undefined || ort === null) return undefined
  const { inputs, outputs, values } = model.graph
  const infos = new Map<string, ValueInfo>([...values, ...inputs, ...outputs].map((value) => [value.name, value]))
  return {
    createSession: async (part) => ort.InferenceSession.create(await modelBytes(part)),
    infoOf: async () => (name) => infos.get(name),
  }
}

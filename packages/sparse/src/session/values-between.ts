import { editGraph, editModel, elementCount, type Model, makeValueInfo, type ValueInfo } from '@pare/onnx'
import type { CreateSession } from './ort-sessions.js'

/** Floats with more elements become inputs while types are asked for: ONNX Runtime need not load them. (Its binding to Node knows no bfloat16.) */
const FEW = 4096

/**
 * Types and shapes of values of the main graph as ONNX Runtime infers them: in a session of a model that has them as outputs, and its large weights as inputs.
 * Undefined for what is no tensor.
 */
export async function inferValues(
  createSession: CreateSession,
  model: Model,
  names: readonly string[],
): Promise<(name: string) => ValueInfo | undefined> {
  const { graph } = model
  const infos = new Map([...graph.inputs, ...graph.outputs].map((info) => [info.name, info]))
  const unknown = names.filter((name) => !infos.has(name))
  if (unknown.length > 0) {
    const large = graph.initializers.filter(({ type, shape }) => /^float(16|32)$/.test(type) && elementCount(shape) > FEW)
    const probe = editModel(model, {
      graph: editGraph(graph, {
        inputs: [...graph.inputs, ...large.map(({ name, type, shape }) => makeValueInfo({ name, type, shape }))],
        initializers: graph.initializers.filter((tensor) => !large.includes(tensor)),
        outputs: unknown.map((name) => makeValueInfo({ name })),
      }),
    })
    const session = await createSession(probe, { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1 })
    for (const meta of session.outputMetadata) {
      if (!meta.isTensor) continue
      const shape = meta.shape.map((size) => (size === '' || (typeof size === 'number' && size < 0) ? undefined : size))
      // Without shape information ONNX Runtime reports no axes, which would mean a number.
      const stated = shape.length > 0 ? { shape } : {}
      infos.set(meta.name, makeValueInfo({ name: meta.name, type: meta.type as never, ...stated }))
    }
    await session.release()
  }
  return (name) => infos.get(name)
}

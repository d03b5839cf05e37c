import { bytesOf, float16ToFloat32, type Model, modelBytes, valuesOf } from '@pare/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { type Array64, array } from './array.test.support.js'

/** All outputs of a model by name, run by ONNX Runtime's CPU provider; floats in the types of the model. */
export async function runtimeOutputs(model: Model, feeds: Readonly<Record<string, Array64>>): Promise<Map<string, Array64>> {
  return (await runtime(model))(feeds)
}

/** `runtimeOutputs` for one model and any inputs. */
export async function runtime(
  model: Model,
): Promise<(feeds: Readonly<Record<string, Array64>>) => Promise<Map<string, Array64>>> {
  const session = await InferenceSession.create(await modelBytes(model), { logSeverityLevel: 4 })
  return async (feeds) => {
    const tensors = session.inputNames.map((name): [string, Tensor] => [name, tensorOf(feeds[name]!)])
    const outputs = await session.run(Object.fromEntries(tensors))
    return new Map(Object.entries(outputs).map(([name, tensor]) => [name, arrayOf(tensor)]))
  }
}

function tensorOf({ type, shape, data }: Array64): Tensor {
  const values = valuesOf(type, bytesOf(type, type.endsWith('int64') ? BigInt64Array.from(data, BigInt) : data))
  return new Tensor(type as 'float32', values as Float32Array, shape)
}

function arrayOf(tensor: Tensor): Array64 {
  const type = tensor.type as Array64['type']
  // Half precision comes as its bits where JavaScript has no array of it.
  const values = tensor.data instanceof Uint16Array && type === 'float16' ? float16ToFloat32(tensor.data) : tensor.data
  return array(tensor.dims, Float64Array.from(values as ArrayLike<number>, Number), type)
}

import { createRequire } from 'node:module'
import { type DataType, makePayload, modelBytes } from '@pare/onnx'
import type { ComputeConstants } from './fold-weights.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

/** Computes constants with ONNX Runtime, in this process. */
export const compute: ComputeConstants = (models) =>
  Promise.all(
    models.map(async (model) => {
      try {
        const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
        const results = await session.run({})
        return session.outputNames.map((name) => {
          const { type, dims, data } = results[name]!
          const { buffer, byteOffset, byteLength } = data as Float32Array<ArrayBuffer>
          return { type: type as DataType, shape: dims, data: makePayload(new Uint8Array(buffer, byteOffset, byteLength)) }
        })
      } catch (error) {
        return { failure: (error as Error).message }
      }
    }),
  )

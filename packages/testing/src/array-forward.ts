import { CHUNK_SAMPLES, type Forward, type ForwardOutput } from '@pare/core'
import { modelBytes } from '@pare/onnx'
import { loadOnnxRuntime, provideOnnxRuntime } from '@pare/onnxruntime'
import type { Tensor } from 'onnxruntime-common'

/** Samples of f32 for one input, [samples, …]. */
export interface ArrayInput {
  readonly data: Float32Array
  readonly shape: readonly number[]
}

/** Runs models over arrays in this process, `batch` samples at a time: calibration data for tests of criteria. */
export function arrayForward(inputs: Readonly<Record<string, ArrayInput>>, batch = 32): Forward {
  return async function* (model, { sums }) {
    const runtime = loadOnnxRuntime(await provideOnnxRuntime())
    const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
    const samples = Object.values(inputs)[0]?.shape[0] ?? 0
    let added: Record<string, Float64Array> = {}
    for (let first = 0; first < samples; first += batch) {
      const last = Math.min(first + batch, samples)
      const outputs = Object.entries(await session.run(feedsFor(inputs, { first, last, TensorOf: runtime.Tensor })))
      for (const [name, { data }] of outputs)
        if (sums.has(name))
          added[name] = Float64Array.from(data as Float32Array, (value, i) => Number(value) + (added[name]?.[i] ?? 0))
      const isLast = last % CHUNK_SAMPLES === 0 || last === samples
      const own = outputs.filter(([name]) => !sums.has(name)).map(([name, { data }]) => [name, data as Float32Array])
      yield {
        chunk: Math.floor(first / CHUNK_SAMPLES),
        outputs: { ...Object.fromEntries(own), ...(isLast && added) },
      } satisfies ForwardOutput
      if (isLast) added = {}
    }
  }
}

interface Stretch {
  readonly first: number
  readonly last: number
  readonly TensorOf: typeof Tensor
}

function feedsFor(inputs: Readonly<Record<string, ArrayInput>>, { first, last, TensorOf }: Stretch): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(
      ([
        name,
        {
          data,
          shape: [, ...rest],
        },
      ]) => {
        const width = rest.reduce((a, b) => a * b, 1)
        return [name, new TensorOf('float32', data.subarray(first * width, last * width), [last - first, ...rest])]
      },
    ),
  )
}

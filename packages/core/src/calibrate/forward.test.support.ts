import { createRequire } from 'node:module'
import { type Model, modelBytes } from '@pare/onnx'
import type { Tensor } from 'onnxruntime-node'
import type { Forward } from './forward.js'
import { CHUNK_SAMPLES } from './statistics/totals.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

/** f32 arrays by the names of inputs, samples along their first axis. */
export type Data = Readonly<Record<string, { readonly data: Float32Array; readonly shape: readonly number[] }>>

/** A wave of numbers between −2 and 2 that do not repeat. */
export const wave = (length: number, seed = 0) =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + seed) + Math.cos(i * 0.31))

/** What ONNX Runtime gives for all samples in one batch. */
export async function outputsOf(model: Model, data: Data): Promise<Record<string, readonly number[]>> {
  const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  const feeds = Object.fromEntries(
    session.inputNames.map((name) => [name, new runtime.Tensor('float32', data[name]!.data, [...data[name]!.shape])]),
  ) as Record<string, Tensor>
  const results = await session.run(feeds)
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, Array.from(data as Float32Array, Number)]))
}

/** Runs the samples in batches of up to `options.batch`, those of a chunk summed where sums are wanted. Default: batches of 4 */
export function forwardOver(data: Data): Forward {
  return async function* (model, { sums, batch = 4, from = 0 }) {
    const samples = Object.values(data)[0]!.shape[0]!
    for (let start = from * CHUNK_SAMPLES; start < samples; start += CHUNK_SAMPLES) {
      const added: Record<string, number[]> = {}
      for (let first = start; first < Math.min(start + CHUNK_SAMPLES, samples); first += batch) {
        const outputs = await outputsOf(model, slice(data, first, Math.min(first + batch, start + CHUNK_SAMPLES, samples)))
        const others: Record<string, readonly number[]> = {}
        for (const [name, values] of Object.entries(outputs)) {
          if (sums.has(name)) added[name] = values.map((value, i) => value + (added[name]?.[i] ?? 0))
          else others[name] = values
        }
        yield { chunk: start / CHUNK_SAMPLES, outputs: others }
      }
      yield { chunk: start / CHUNK_SAMPLES, outputs: added }
    }
  }
}

function slice(data: Data, from: number, to: number): Data {
  return Object.fromEntries(
    Object.entries(data).map(
      ([
        name,
        {
          data,
          shape: [, ...rest],
        },
      ]) => {
        const width = rest.reduce((a, b) => a * b, 1)
        return [name, { data: data.subarray(from * width, to * width), shape: [to - from, ...rest] }]
      },
    ),
  )
}

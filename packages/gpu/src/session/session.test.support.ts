import { bytesOf, editGraph, editModel, editTensor, type Model, makePayload, modelBytes, readAll, valuesOf } from '@pare/onnx'
import * as ort from 'onnxruntime-node'
import { ADAPTERS, openSoftware } from '../adapters.test.support.js'
import type { Gpu } from '../gpu.js'
import { GpuSession } from './gpu-session.js'
import type { GpuSessionOptions } from './options.js'
import type { DeviceResults } from './tensors.js'

export const TEST_MODELS = new URL('../../../../test-models/', import.meta.url).pathname

/** The quicker of the software adapters that are here, for tests of which one will do. */
export const ADAPTER = ADAPTERS.findLast(({ isHere }) => isHere)

export const openDevice = (): Promise<Gpu> => openSoftware(ADAPTER!)

/** What measuring would find out, so that tests need not. */
export const tuningFor = (gpu: Gpu) => ({ adapter: gpu.adapter.name, threads: 128, tried: [], floorMs: 0 })

type Kept = (row: number, column: number) => boolean

/** The weights of two axes with those elements that are kept by their place; the share of the others is what `kept` makes it. */
export async function prunedModel(model: Model, kept: Kept): Promise<Model> {
  const read = new Set(model.graph.nodes.flatMap(({ op, inputs }) => (/^(MatMul|Gemm)$/.test(op) ? [inputs[1]!] : [])))
  const initializers = await Promise.all(
    model.graph.initializers.map(async (tensor) => {
      const [, columns = 0, ...more] = tensor.shape
      if (!read.has(tensor.name) || tensor.type !== 'float32' || tensor.shape.length < 2 || more.some((size) => size > 1))
        return tensor
      const values = (valuesOf('float32', await readAll(tensor.data)) as Float32Array).map((value, i) =>
        kept(Math.floor(i / columns), i % columns) ? value : 0,
      )
      return editTensor(tensor, { data: makePayload(bytesOf('float32', values)) })
    }),
  )
  return editModel(model, { graph: editGraph(model.graph, { initializers }) })
}

/** One in so many, in any place. */
export const oneIn =
  (count: number): Kept =>
  (row, column) =>
    (Math.imul(row * 7919 + column * 104729, 0x9e3779b1) >>> 16) % count === 0

export const openOn = async (gpu: Gpu, model: Model | Uint8Array, options: GpuSessionOptions = {}): Promise<GpuSession> =>
  GpuSession.create(model instanceof Uint8Array ? model : await modelBytes(model), {
    gpu,
    ort,
    plan: 'device',
    tuning: tuningFor(gpu),
    ...options,
  })

export async function expectedOf(model: Model, feeds: Readonly<Record<string, ort.Tensor>>): Promise<Record<string, ort.Tensor>> {
  const session = await ort.InferenceSession.create(await modelBytes(model), {
    logSeverityLevel: 3,
    graphOptimizationLevel: 'disabled',
  })
  const results = await session.run(feeds)
  await session.release()
  return results
}

/** Largest difference, relative to the largest absolute value of the expected result or 1e-3. Throws where names, types or shapes differ. */
export function differenceOf(expected: Readonly<Record<string, ort.Tensor>>, results: DeviceResults): number {
  let worst = 0
  for (const [name, tensor] of Object.entries(expected)) {
    const result = results[name] as ort.Tensor | undefined
    if (result?.type !== tensor.type || result.dims.join() !== tensor.dims.join())
      throw new Error(`'${name}' is ${result?.type} [${result?.dims}], not ${tensor.type} [${tensor.dims}]`)
    const [values, others] = [Array.from(tensor.data as Float32Array, Number), Array.from(result.data as Float32Array, Number)]
    const largest = Math.max(1e-3, ...values.map(Math.abs))
    for (const [i, value] of values.entries()) {
      const apart = value === others[i] ? 0 : Math.abs(value - others[i]!) / largest
      worst = Math.max(worst, Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart)
    }
  }
  return worst
}

export function floats(dims: readonly number[], scale = 1): ort.Tensor {
  const values = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => scale * Math.sin(i * 1.37 + 0.3))
  return new ort.Tensor('float32', values, dims)
}

export function integers(dims: readonly number[], most: number): ort.Tensor {
  const values = BigInt64Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => BigInt((i * 7919) % most))
  return new ort.Tensor('int64', values, dims)
}

export const ones = (dims: readonly number[]): ort.Tensor =>
  new ort.Tensor('int64', new BigInt64Array(dims.reduce((a, b) => a * b, 1)).fill(1n), dims)

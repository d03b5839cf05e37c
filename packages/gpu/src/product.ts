import { PareError } from '@pare/core/backends'
import { bandsOf } from './bands.js'
import { type DeviceMatrix, type Entries, entriesOf } from './entries.js'
import type { Gpu } from './gpu.js'
import {
  denseShader,
  fewShader,
  LARGE_TILES,
  lanesOf,
  manyShader,
  SMALL_TILES,
  THREADS,
  transposeShader,
  WIDE,
} from './product-shaders.js'
import { BUFFER } from './usage.js'

/** A weight on the device, dense or sparse. */
export interface DeviceProduct extends Disposable {
  readonly out: number
  readonly in: number
  /** Of the weight, as it lies on the device. */
  readonly bytes: number
  /** f32[m, out] = x[m, in] · Wᵀ. One call after another: buffers are used again. */
  multiply(x: Float32Array, m: number): Promise<Float32Array>
  /** The same for values that stay on the device. Valid until it is asked for another m. */
  prepare(m: number): Promise<ProductRun>
}

/** A product of m rows. */
export interface ProductRun {
  /** f32[m, in], to be written before, and f32[m, out], there afterwards. */
  readonly x: GPUBuffer
  readonly y: GPUBuffer
  encode(pass: GPUComputePassEncoder): void
}

export interface ProductOptions {
  /** Most bytes of an array of the weight; larger weights are cut into bands of rows. Default: what the device can bind */
  readonly most?: number
  /** How dense products of many rows are cut. Default: large where that keeps a large device busy */
  readonly tiles?: 'large' | 'small'
}

/** Puts a weight on the device. Throws GpuLost where it does not fit. */
export function openProduct(gpu: Gpu, matrix: DeviceMatrix, options: ProductOptions = {}): DeviceProduct {
  const { out, in: inputs } = matrix
  const limit = gpu.adapter.limits.maxStorageBufferBindingSize
  const bands = bandsOf(matrix, options.most ?? limit).map(({ first, matrix }) => {
    const entries = entriesOf(matrix)
    const buffers = entries.data.map((data) => gpu.upload(data))
    return { first, matrix, entries, buffers }
  })
  const columns = bands[0]?.entries.columns ?? inputs
  let last: (ProductRun & { readonly m: number; readonly own: readonly GPUBuffer[] }) | undefined
  // Of x and y, which are not cut by columns.
  const mostRows = Math.max(1, Math.floor(limit / (4 * Math.max(columns, out, 1))) - 3)
  return {
    out,
    in: inputs,
    bytes: bands.reduce((sum, { entries }) => sum + entries.data.reduce((bytes, { byteLength }) => bytes + byteLength, 0), 0),
    multiply,
    prepare,
    [Symbol.dispose]() {
      for (const buffer of [...bands.flatMap(({ buffers }) => buffers), ...(last?.own ?? [])]) buffer.destroy()
    },
  }

  async function multiply(x: Float32Array, m: number): Promise<Float32Array> {
    if (x.length !== m * inputs)
      throw new Error(`x has ${x.length} elements, and ${m} × ${inputs} were expected for a weight [${out}, ${inputs}]`)
    const y = new Float32Array(m * out)
    if (y.length === 0 || inputs === 0) return y
    for (let first = 0; first < m; first += mostRows) {
      const rows = Math.min(mostRows, m - first)
      const prepared = await prepare(rows)
      const part = x.subarray(first * inputs, (first + rows) * inputs)
      gpu.device.queue.writeBuffer(prepared.x, 0, part.buffer as ArrayBuffer, part.byteOffset, part.byteLength)
      const encoder = gpu.device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      prepared.encode(pass)
      pass.end()
      gpu.device.queue.submit([encoder.finish()])
      y.set(new Float32Array(await gpu.read(prepared.y, 4 * rows * out)), first * out)
    }
    return y
  }

  async function prepare(m: number): Promise<ProductRun> {
    if (last?.m === m) return last
    if (m > mostRows)
      throw new PareError(`gpu: ${m} rows of x are more than the ${mostRows} that '${gpu.adapter.name}' can bind at a time.`, {
        hint: 'multiply fewer rows at a time.',
      })
    for (const buffer of last?.own ?? []) buffer.destroy()
    last = undefined
    const fours = Math.ceil(m / 4)
    const x = gpu.buffer(4 * m * Math.max(columns, inputs))
    const y = gpu.buffer(4 * m * out)
    const isTransposed = bands.some(({ matrix }) => shapeOf(matrix, m) !== 'dense') && m > 1
    const transposed = isTransposed ? gpu.buffer(16 * columns * fours) : x
    const steps: Step[] = []
    const uniforms: GPUBuffer[] = []
    const step = async (code: string, { groups, buffers, words }: Omit<Step, 'pipeline' | 'bindings'> & Binding) => {
      const uniform = uniformOf(gpu, words)
      uniforms.push(uniform)
      const pipeline = await gpu.pipeline(code)
      const entries = [uniform, ...buffers].map((buffer, binding) => ({ binding, resource: { buffer } }))
      steps.push({ pipeline, groups, bindings: gpu.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }) })
    }
    if (isTransposed) {
      const groups = [Math.ceil(columns / 32), Math.ceil(m / 32), 1] as const
      await step(transposeShader(inputs, columns), { groups, buffers: [x, transposed], words: [m, fours, out, 0, 0] })
    }
    for (const { first, matrix, entries, buffers } of bands) {
      const shape = shapeOf(matrix, m)
      const { code, groups } = kernelFor(gpu, { matrix, entries, m, shape, tiles: options.tiles })
      const from = shape === 'dense' ? x : transposed
      await step(code, { groups, buffers: [from, y, ...buffers], words: [m, fours, out, first, matrix.out] })
    }
    const encode = (pass: GPUComputePassEncoder) => {
      for (const each of steps) encodeStep(pass, each)
    }
    const own = [x, y, ...(isTransposed ? [transposed] : []), ...uniforms]
    last = { m, x, y, own, encode }
    return last
  }
}

type Groups = readonly [number, number, number]

interface Step {
  readonly pipeline: GPUComputePipeline
  readonly bindings: GPUBindGroup
  readonly groups: Groups
}

interface Binding {
  readonly buffers: readonly GPUBuffer[]
  readonly words: readonly number[]
}

function encodeStep(pass: GPUComputePassEncoder, { pipeline, bindings, groups }: Step): void {
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, bindings)
  pass.dispatchWorkgroups(...groups)
}

function uniformOf(gpu: Gpu, words: readonly number[]): GPUBuffer {
  const buffer = gpu.device.createBuffer({ size: 32, usage: BUFFER.uniform | BUFFER.copyTarget })
  gpu.device.queue.writeBuffer(buffer, 0, Uint32Array.from(words))
  return buffer
}

/** Up to so many rows of x, threads share the entries of a row of W; beyond, rows of x lie side by side. */
const FEW = 8

function shapeOf({ kind }: DeviceMatrix, m: number): 'few' | 'many' | 'dense' {
  if (m <= FEW) return 'few'
  return kind === 'dense' ? 'dense' : 'many'
}

interface KernelRequest {
  readonly matrix: DeviceMatrix
  readonly entries: Entries
  readonly m: number
  readonly shape: ReturnType<typeof shapeOf>
  readonly tiles: ProductOptions['tiles']
}

function kernelFor(gpu: Gpu, { matrix, entries, m, shape, tiles: size }: KernelRequest): { code: string; groups: Groups } {
  const { subgroup } = gpu
  const fours = Math.ceil(m / 4)
  switch (shape) {
    case 'few':
      return {
        code: fewShader(entries, { single: m === 1, subgroup }),
        groups: spread(matrix.out / (THREADS / lanesOf(subgroup)), m === 1 ? 1 : fours),
      }
    case 'many': {
      const across = Math.min(32, 2 ** Math.ceil(Math.log2(fours)))
      return { code: manyShader(entries, across), groups: spread(matrix.out / (THREADS / across), fours / across) }
    }
    case 'dense': {
      if (matrix.kind !== 'dense') throw new Error(`'${matrix.kind}' is not dense`)
      const enough = (matrix.out / LARGE_TILES.size) * (m / LARGE_TILES.size) >= ENOUGH_GROUPS
      const tiles = (size ?? (enough ? 'large' : 'small')) === 'large' ? LARGE_TILES : SMALL_TILES
      return { code: denseShader(matrix, tiles), groups: spread(matrix.out / tiles.size, m / tiles.size) }
    }
    default:
      return shape satisfies never
  }
}

/** Groups that keep a large device busy. */
const ENOUGH_GROUPS = 192

/** Groups by x and z together, and y. */
function spread(across: number, down: number): Groups {
  const count = Math.ceil(across)
  return [Math.min(count, WIDE), Math.ceil(down), Math.ceil(count / WIDE)]
}

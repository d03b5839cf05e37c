import { PareError } from '@pare/core/backends'
import type { Activation } from '@pare/sparse/graph'
import { type Dispatch, prepareDispatches } from '../dispatch.js'
import type { Gpu } from '../gpu.js'
import { type Band, bandsOf } from './bands.js'
import { type DeviceMatrix, type Entries, entriesOf } from './entries.js'
import {
  denseShader,
  fewShader,
  LARGE_TILES,
  lanesOf,
  manyShader,
  SMALL_TILES,
  type SumFinish,
  THREADS,
  transposeShader,
  WIDE,
} from './product-shaders.js'

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
  /** Its kernels for m rows that lie elsewhere: x f32[m, in], y f32[m, out], and room for `scratchWords(m)`. Throws PareError for more rows than a device binds. */
  dispatches(m: number, at: { readonly x: GPUBuffer; readonly y: GPUBuffer; readonly scratch: GPUBuffer }): readonly Dispatch[]
  /** f32 that kernels for m rows need room for beside x and y. */
  scratchWords(m: number): number
}

/** A product of m rows. */
export interface ProductRun {
  /** f32[m, in], to be written before, and f32[m, out], there afterwards. */
  readonly x: GPUBuffer
  readonly y: GPUBuffer
  encode(pass: GPUComputePassEncoder): void
}

export interface ProductOptions {
  /** f32[out], added to the sums. Default: none */
  readonly bias?: Float32Array
  /** Applied to the sums. Default: none */
  readonly activation?: Activation
  /** Most bytes of an array of the weight; larger weights are cut into bands of rows. Default: what the device can bind */
  readonly most?: number
  /** How dense products of many rows are cut. Default: large where that keeps a large device busy */
  readonly tiles?: 'large' | 'small'
  /** Threads of a workgroup that multiplies up to eight rows. Default: 128 */
  readonly threads?: number
}

/** Puts a weight on the device. Throws GpuLost where it does not fit. */
export function openProduct(gpu: Gpu, matrix: DeviceMatrix, options: ProductOptions = {}): DeviceProduct {
  const { out, in: inputs } = matrix
  const bands = uploadBands(gpu, matrix, options)
  const { mostRows, dispatches, scratchWords } = kernelsOf(gpu, matrix, { bands, ...options })
  let last: (ProductRun & { readonly m: number } & Disposable) | undefined
  return {
    out,
    in: inputs,
    bytes: bands.reduce((sum, { bytes }) => sum + bytes, 0),
    multiply,
    prepare,
    dispatches,
    scratchWords,
    [Symbol.dispose]() {
      for (const buffer of bands.flatMap(({ buffers }) => buffers)) buffer.destroy()
      last?.[Symbol.dispose]()
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
    last?.[Symbol.dispose]()
    last = undefined
    const own = [m * inputs, m * out, scratchWords(m)].map((words) => gpu.buffer(4 * words))
    const [x, y, scratch] = own as [GPUBuffer, GPUBuffer, GPUBuffer]
    const kernels = await prepareDispatches(gpu, dispatches(m, { x, y, scratch }))
    last = {
      m,
      x,
      y,
      encode: (pass) => kernels.encode(pass),
      [Symbol.dispose]() {
        kernels[Symbol.dispose]()
        for (const buffer of own) buffer.destroy()
      },
    }
    return last
  }
}

/** A band of a weight in buffers of the device. */
interface DeviceBand extends Band {
  readonly entries: Entries
  readonly finish: SumFinish
  /** The entries, then scales and biases where there are any. */
  readonly buffers: readonly GPUBuffer[]
  /** Of the buffers together. */
  readonly bytes: number
}

function uploadBands(gpu: Gpu, matrix: DeviceMatrix, { bias, activation, most }: ProductOptions): readonly DeviceBand[] {
  return bandsOf(matrix, most ?? gpu.adapter.limits.maxStorageBufferBindingSize).map(({ first, matrix }) => {
    const entries = entriesOf(matrix)
    const scales = 'scales' in matrix && matrix.scales !== undefined ? [matrix.scales] : []
    const biases = bias === undefined ? [] : [bias.subarray(first, first + matrix.out)]
    const finish = { scales: scales.length > 0, bias: biases.length > 0, ...(activation && { activation }) }
    const data = [...entries.data, ...scales, ...biases]
    const bytes = data.reduce((sum, { byteLength }) => sum + byteLength, 0)
    return { first, matrix, entries, finish, buffers: data.map((each) => gpu.upload(each)), bytes }
  })
}

interface ProductKernels extends Pick<DeviceProduct, 'dispatches' | 'scratchWords'> {
  /** The most rows of x that the device binds at a time. */
  readonly mostRows: number
}

function kernelsOf(
  gpu: Gpu,
  { out, in: inputs }: DeviceMatrix,
  { bands, threads = THREADS, tiles }: ProductOptions & { readonly bands: readonly DeviceBand[] },
): ProductKernels {
  const columns = bands[0]?.entries.columns ?? inputs
  // Of x and y, which are not cut by columns.
  const bindable = gpu.adapter.limits.maxStorageBufferBindingSize / (4 * Math.max(columns, out, 1))
  const mostRows = Math.max(1, Math.floor(bindable) - 3)
  const isTransposed = (m: number) => m > 1 && bands.some(({ matrix }) => shapeOf(matrix, m) !== 'dense')
  const scratchWords = (m: number) => (isTransposed(m) ? 4 * columns * Math.ceil(m / 4) : 0)
  return { mostRows, scratchWords, dispatches }

  function dispatches(...[m, { x, y, scratch }]: Parameters<DeviceProduct['dispatches']>): readonly Dispatch[] {
    if (m > mostRows)
      throw new PareError(`gpu: ${m} rows of x are more than the ${mostRows} that '${gpu.adapter.name}' can bind at a time.`, {
        hint: 'multiply fewer rows at a time.',
      })
    const fours = Math.ceil(m / 4)
    const steps: Dispatch[] = []
    if (isTransposed(m)) {
      const groups = [Math.ceil(columns / 32), Math.ceil(m / 32), 1] as const
      steps.push({ code: transposeShader(inputs, columns), groups, buffers: [x, scratch], words: [m, fours, out, 0, 0] })
    }
    for (const { first, matrix, entries, finish, buffers } of bands) {
      const shape = shapeOf(matrix, m)
      const kernel = kernelFor({ matrix, entries, finish, m, shape, tiles, threads, subgroup: gpu.subgroup })
      const from = shape === 'dense' || m === 1 ? x : scratch
      steps.push({ ...kernel, buffers: [from, y, ...buffers], words: [m, fours, out, first, matrix.out] })
    }
    return steps
  }
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
  readonly finish: SumFinish
  readonly threads: number
  readonly subgroup: number | undefined
  readonly m: number
  readonly shape: ReturnType<typeof shapeOf>
  readonly tiles: ProductOptions['tiles']
}

function kernelFor(request: KernelRequest): Pick<Dispatch, 'code' | 'groups'> {
  const { matrix, entries, finish, m, shape, tiles: size, threads, subgroup } = request
  const fours = Math.ceil(m / 4)
  switch (shape) {
    case 'few':
      return {
        code: fewShader(entries, { inputs: matrix.in, single: m === 1, subgroup, threads, finish }),
        groups: spread(matrix.out / (threads / lanesOf(subgroup)), m === 1 ? 1 : fours),
      }
    case 'many': {
      const across = Math.min(32, 2 ** Math.ceil(Math.log2(fours)))
      return { code: manyShader(entries, { across, finish }), groups: spread(matrix.out / (THREADS / across), fours / across) }
    }
    case 'dense': {
      if (matrix.kind !== 'dense') throw new Error(`'${matrix.kind}' is not dense`)
      const enough = (matrix.out / LARGE_TILES.size) * (m / LARGE_TILES.size) >= ENOUGH_GROUPS
      const tiles = (size ?? (enough ? 'large' : 'small')) === 'large' ? LARGE_TILES : SMALL_TILES
      return { code: denseShader(matrix, { tiles, finish }), groups: spread(matrix.out / tiles.size, m / tiles.size) }
    }
    default:
      return shape satisfies never
  }
}

/** Groups that keep a large device busy. */
const ENOUGH_GROUPS = 192

/** Groups by x and z together, and y. */
function spread(across: number, down: number): Dispatch['groups'] {
  const count = Math.ceil(across)
  return [Math.min(count, WIDE), Math.ceil(down), Math.ceil(count / WIDE)]
}

import type { Chunk } from '@pare/core/backends'
import type { Gpu } from './gpu.js'
import { BLOCK } from './loops.js'
import { BUFFER, STAGE_COMPUTE } from './usage.js'

/** Where a stretch of a weight lies on the device while loops run over it. */
export interface DeviceTiles {
  /** As many words as a tile has weights: what loops over weights give, and loops over saliencies take. */
  readonly results: GPUBuffer
  /** As many again. */
  readonly parts: GPUBuffer
  readonly tallies: GPUBuffer
  readonly candidates: GPUBuffer
  /** Puts a stretch there, with the words that loops are told. `keys`: of the statistics, in the order in which the shader counts them. */
  load(piece: Chunk, keys: readonly string[], words?: Partial<Words>): void
  /** Submits a loop. Default: from the weights into `results` */
  run(code: string, work: Run): Promise<void>
}

interface Run {
  readonly groups: number
  readonly from?: GPUBuffer
  readonly into?: GPUBuffer
}

/** What loops are told besides, as `struct Tile` in saliency-shader.ts has it. */
interface Words {
  readonly low: number
  readonly high: number
  readonly ties: number
  readonly inner: number
  readonly period: number
  readonly phase: number
  readonly skip: number
  readonly parts: number
}

/** Groups along the first dimension, where they are many. */
const WIDE = 32768

/** `most`: weights of a tile. */
export function openTiles(gpu: Gpu, most: number): DeviceTiles {
  const { device } = gpu
  const tile = device.createBuffer({ size: 64, usage: BUFFER.uniform | BUFFER.copyTarget })
  const weights = gpu.buffer(4 * most)
  let statistics = gpu.buffer(4)
  const results = gpu.buffer(4 * most)
  const parts = gpu.buffer(4 * most)
  const candidates = gpu.buffer(8 * most)
  const tallies = gpu.buffer(16 * (Math.ceil(most / BLOCK) + 1))
  const storage = (binding: number, type: GPUBufferBindingType) => ({ binding, visibility: STAGE_COMPUTE, buffer: { type } })
  const group = device.createBindGroupLayout({
    entries: [
      storage(0, 'uniform'),
      storage(1, 'read-only-storage'),
      storage(2, 'read-only-storage'),
      storage(3, 'storage'),
      storage(4, 'storage'),
    ],
  })
  const layout = device.createPipelineLayout({ bindGroupLayouts: [group] })
  return { results, parts, tallies, candidates, load, run }

  function load({ weights: values, start, stream, stats }: Chunk, keys: readonly string[], words: Partial<Words> = {}): void {
    const { low = 0, high = 0, ties = 0, inner = 1, period = 1, phase = 0, skip = 0, parts: partCount = 0 } = words
    const place = [values.length, 0, start % 2 ** 32, Math.floor(start / 2 ** 32), stream.key0, stream.key1]
    write(tile, Uint32Array.from([...place, low, high, ties, inner, period, phase, skip, partCount, most]))
    write(weights, values)
    makeRoomFor(keys.length)
    for (const [i, key] of keys.entries()) write(statistics, stats![key]!, 4 * most * i)
  }

  function makeRoomFor(keys: number): void {
    if (statistics.size >= 4 * most * keys) return
    statistics.destroy()
    statistics = gpu.buffer(4 * most * keys)
  }

  function write(target: GPUBuffer, { buffer, byteOffset, byteLength }: ArrayBufferView, at = 0): void {
    device.queue.writeBuffer(target, at, buffer as ArrayBuffer, byteOffset, byteLength)
  }

  async function run(code: string, { groups, from = weights, into = results }: Run): Promise<void> {
    const pipeline = await gpu.pipeline(code, layout)
    const count = Math.ceil(groups)
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, bindings(from, into))
    pass.dispatchWorkgroups(Math.min(count, WIDE), Math.ceil(count / WIDE))
    pass.end()
    device.queue.submit([encoder.finish()])
  }

  function bindings(from: GPUBuffer, into: GPUBuffer): GPUBindGroup {
    const buffers = [tile, from, statistics, into, candidates]
    return device.createBindGroup({
      layout: group,
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    })
  }
}

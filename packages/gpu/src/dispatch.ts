import type { Gpu } from './gpu.js'
import { BUFFER } from './usage.js'

/** One kernel on its buffers. */
export interface Dispatch {
  readonly code: string
  readonly groups: readonly [number, number, number]
  /** Parameters, each 32 bits: the uniform at binding 0. */
  readonly words: readonly number[]
  /** From binding 1 on. */
  readonly buffers: readonly GPUBuffer[]
}

/** Kernels one after another, compiled. */
export interface PreparedDispatches extends Disposable {
  readonly dispatches: number
  encode(pass: GPUComputePassEncoder): void
}

/** Compiles kernels, all at once, and binds their buffers. */
export async function prepareDispatches(gpu: Gpu, dispatches: readonly Dispatch[]): Promise<PreparedDispatches> {
  const pipelines = await Promise.all(dispatches.map(({ code }) => gpu.pipeline(code)))
  const starts = startsOf(dispatches)
  const parameters = upload(gpu, dispatches, starts)
  const steps = dispatches.map(({ buffers, groups, words }, i) => {
    const pipeline = pipelines[i]!
    const uniform = { buffer: parameters, offset: starts[i]!, size: bytesOf(words) }
    const entries = [{ binding: 0, resource: uniform }, ...buffers.map((buffer, b) => ({ binding: b + 1, resource: { buffer } }))]
    return { pipeline, groups, bindings: gpu.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }) }
  })
  return {
    dispatches: steps.length,
    encode(pass) {
      for (const { pipeline, groups, bindings } of steps) {
        pass.setPipeline(pipeline)
        pass.setBindGroup(0, bindings)
        pass.dispatchWorkgroups(...groups)
      }
    },
    [Symbol.dispose]: () => parameters.destroy(),
  }
}

/** Uniforms begin at multiples of this many bytes on every device. */
const ALIGNED = 256

const bytesOf = (words: readonly number[]) => 16 * Math.max(2, Math.ceil(words.length / 4))

/** Where the parameters of each begin, in bytes, and where those of all end. */
function startsOf(dispatches: readonly Dispatch[]): number[] {
  const starts = [0]
  for (const { words } of dispatches) starts.push(starts.at(-1)! + ALIGNED * Math.ceil(bytesOf(words) / ALIGNED))
  return starts
}

function upload({ device }: Gpu, dispatches: readonly Dispatch[], starts: readonly number[]): GPUBuffer {
  const all = new Int32Array(Math.max(ALIGNED, starts.at(-1)!) / 4)
  for (const [i, { words }] of dispatches.entries()) all.set(words, starts[i]! / 4)
  const buffer = device.createBuffer({ size: all.byteLength, usage: BUFFER.uniform | BUFFER.copyTarget })
  device.queue.writeBuffer(buffer, 0, all)
  return buffer
}

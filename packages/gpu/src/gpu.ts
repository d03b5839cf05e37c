import { PareError } from '@pare/core/backends'
import { type AdapterFacts, adaptersOf, factsOf, openEntry } from './adapters.js'
import { BUFFER, MAP_READ } from './usage.js'

/** The device is gone, or has no memory left. What was asked of it can be done on the CPU instead. */
export class GpuLost extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(`gpu: ${reason}`, options)
    this.name = 'GpuLost'
  }
}

export interface GpuOptions {
  /** Where adapters come from. Default: the browser's WebGPU, in Node the package `webgpu` */
  readonly entry?: GPU
  /** Which of the adapters is taken. Default: the first, the fastest */
  readonly accepts?: (adapter: AdapterFacts) => boolean
  /** What kernels do without, though the adapter has it. Default: nothing */
  readonly without?: 'subgroups'
}

/** A device that computes. */
export interface Gpu extends AsyncDisposable {
  readonly adapter: AdapterFacts
  readonly device: GPUDevice
  /** Whether kernels may use subgroups, and how many threads each has, where that is always the same. */
  readonly subgroup?: number
  /** A pipeline whose entry point is `main`, compiled once for each text and layout. */
  pipeline(code: string, layout?: GPUPipelineLayout): Promise<GPUComputePipeline>
  /** A buffer that shaders read and write, zero at first. */
  buffer(bytes: number): GPUBuffer
  /** A buffer with these contents. */
  upload(data: Uint32Array | Float32Array | Uint16Array | Int8Array): GPUBuffer
  /** The first bytes of a buffer, once all that was submitted before is done. */
  read(buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer>
  /** Waits for all that was submitted. */
  idle(): Promise<void>
  /** What was asked of the device, or GpuLost where it is gone. */
  until<T>(promise: Promise<T>): Promise<T>
  /** Throws GpuLost if the device is gone, and Error if it was used wrongly. */
  check(): void
}

/** Opens the fastest adapter. Throws PareError where there is none. Close it, or the process does not end. */
export async function openGpu({ entry, accepts = () => true, without }: GpuOptions = {}): Promise<Gpu> {
  const from = entry ?? (await openEntry())
  const adapters = await adaptersOf(from)
  const adapter = adapters.find((each) => accepts(factsOf(each)))
  if (adapter === undefined) throw noAdapter(adapters.map(factsOf))
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize } = adapter.limits
  const features = (['subgroups'] as const).filter((feature) => feature !== without && adapter.features.has(feature))
  const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize }
  const device = await adapter.requestDevice({ requiredFeatures: features, requiredLimits })
  return new OpenGpu({ entry: from, adapter, device })
}

function noAdapter(adapters: readonly AdapterFacts[]): PareError {
  const list = adapters.map(({ name, software }) => `'${name}'${software ? ' (software)' : ''}`).join(', ')
  return new PareError(
    adapters.length === 0 ? 'gpu: WebGPU finds no adapter on this machine.' : `gpu: none of the adapters will do: ${list}.`,
    { hint: 'install the driver of the GPU (Vulkan, Metal or Direct3D 12), see pare devices; or --device cpu.' },
  )
}

interface Parts {
  readonly entry: GPU
  readonly adapter: GPUAdapter
  readonly device: GPUDevice
}

// Dawn aborts the process when its objects are collected while a device still works.
const openDevices = new Set<Parts>()

class OpenGpu implements Gpu {
  readonly adapter: AdapterFacts
  readonly device: GPUDevice
  readonly subgroup?: number
  readonly #parts: Parts
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>()
  /** By size: buffers that this thread reads. */
  readonly #staging = new Map<number, GPUBuffer[]>()
  #failure: Error | undefined

  constructor(parts: Parts) {
    const { adapter, device } = parts
    openDevices.add(parts)
    this.#parts = parts
    this.adapter = factsOf(adapter)
    this.device = device
    const { subgroups } = this.adapter
    if (device.features.has('subgroups') && subgroups?.min === subgroups?.max && subgroups !== undefined)
      this.subgroup = subgroups.min
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault()
      const { message } = event.error
      this.#failure ??=
        event.error.constructor.name === 'GPUValidationError' ? new Error(`gpu: ${message}`) : new GpuLost(message)
    })
    device.lost.then(({ message, reason }) => {
      this.#failure ??= new GpuLost(`the device was lost: ${message || reason}`)
    })
  }

  async pipeline(code: string, layout?: GPUPipelineLayout): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(code)
    if (pipeline === undefined) {
      const module = this.device.createShaderModule({ code })
      pipeline = this.device.createComputePipelineAsync({ layout: layout ?? 'auto', compute: { module, entryPoint: 'main' } })
      this.#pipelines.set(code, pipeline)
    }
    return this.until(pipeline)
  }

  buffer(bytes: number): GPUBuffer {
    // A shader may declare it as vectors, of which it has one at least.
    const size = Math.max(16, 4 * Math.ceil(bytes / 4))
    const { maxStorageBufferBindingSize: most } = this.adapter.limits
    if (size > most) throw new GpuLost(`a buffer of ${size} bytes is more than the ${most} that '${this.adapter.name}' can bind`)
    return this.device.createBuffer({ size, usage: BUFFER.storage | BUFFER.copySource | BUFFER.copyTarget })
  }

  upload(data: Uint32Array | Float32Array | Uint16Array | Int8Array): GPUBuffer {
    const buffer = this.buffer(data.byteLength)
    // Writes come in whole words.
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    const even = bytes.length % 4 === 0 ? bytes : new Uint8Array(4 * Math.ceil(bytes.length / 4))
    if (even !== bytes) even.set(bytes)
    this.device.queue.writeBuffer(buffer, 0, even.buffer as ArrayBuffer, even.byteOffset, even.byteLength)
    return buffer
  }

  async read(buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    if (bytes === 0) return new ArrayBuffer(0)
    // Sizes are rounded up, so that few different ones are kept.
    const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, 256)))
    const staging =
      this.#staging.get(size)?.pop() ?? this.device.createBuffer({ size, usage: BUFFER.mapRead | BUFFER.copyTarget })
    const encoder = this.device.createCommandEncoder()
    encoder.copyBufferToBuffer(buffer, 0, staging, 0, 4 * Math.ceil(bytes / 4))
    this.device.queue.submit([encoder.finish()])
    await this.until(staging.mapAsync(MAP_READ, 0, 4 * Math.ceil(bytes / 4)))
    const copy = staging.getMappedRange(0, 4 * Math.ceil(bytes / 4)).slice(0, bytes)
    staging.unmap()
    this.#staging.set(size, [...(this.#staging.get(size) ?? []), staging])
    return copy
  }

  async idle(): Promise<void> {
    await this.until(this.device.queue.onSubmittedWorkDone())
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  async until<T>(promise: Promise<T>): Promise<T> {
    try {
      const answer = await promise
      this.check()
      return answer
    } catch (cause) {
      // The loss is told a moment after what fails because of it.
      await new Promise((resolve) => setTimeout(resolve))
      this.check()
      throw cause
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!openDevices.has(this.#parts)) return
    this.device.destroy()
    await this.device.lost
    openDevices.delete(this.#parts)
  }
}

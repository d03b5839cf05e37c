import { type Dispatch, type PreparedDispatches, prepareDispatches } from '../dispatch.js'
import type { Gpu } from '../gpu.js'
import { type DeviceStore, type DeviceType, type HostStore, type LazyArray, type Store, storesIn } from './element.js'
import { wordOf } from './kernel-text.js'

/** Buffers of a device that recordings share, since no two of them run at a time, and constants that all of them read. */
export class DeviceMemory implements Disposable {
  readonly gpu: Gpu
  readonly #free = new Map<number, DeviceStore[]>()
  readonly #all: GPUBuffer[] = []
  readonly #constants = new Map<HostStore, DeviceStore | undefined>()
  /** Of all buffers for values, and of constants that are on the device. */
  bytes = { values: 0, constants: 0 }

  constructor(gpu: Gpu) {
    this.gpu = gpu
  }

  /** What this store holds never changes: it is uploaded once for all recordings. */
  keep(store: HostStore): void {
    if (!this.#constants.has(store)) this.#constants.set(store, undefined)
  }

  constant(store: HostStore, type: DeviceType): DeviceStore | undefined {
    if (!this.#constants.has(store)) return undefined
    let there = this.#constants.get(store)
    if (there === undefined) {
      this.#fitting(4 * store.values.length)
      there = { kind: 'device', buffer: this.gpu.upload(stored(store.values, type)) }
      this.bytes.constants += there.buffer.size
      this.#all.push(there.buffer)
      this.#constants.set(store, there)
    }
    return there
  }

  /** A buffer for so many words, whatever it holds. Sizes are powers of two, so that few are kept. */
  take(count: number): DeviceStore {
    const size = 2 ** Math.ceil(Math.log2(Math.max(4 * count, 64)))
    const earlier = this.#free.get(size)?.pop()
    if (earlier !== undefined) return earlier
    const buffer = this.gpu.buffer(Math.min(size, this.#fitting(4 * count)))
    this.bytes.values += buffer.size
    this.#all.push(buffer)
    return { kind: 'device', buffer }
  }

  /** The most bytes that a kernel can bind. Throws RangeError where these are more. */
  #fitting(bytes: number): number {
    const { maxStorageBufferBindingSize: most } = this.gpu.adapter.limits
    if (bytes > most)
      throw new RangeError(`a value of ${bytes} bytes is more than the ${most} that '${this.gpu.adapter.name}' can bind`)
    return most
  }

  giveBack(store: DeviceStore): void {
    const { size } = store.buffer
    this.#free.set(size, [...(this.#free.get(size) ?? []), store])
  }

  [Symbol.dispose](): void {
    for (const buffer of this.#all) buffer.destroy()
  }
}

/** Kernels one after another, recorded once and run again and again. */
export class Recording {
  readonly memory: DeviceMemory
  readonly dispatches: Dispatch[] = []
  readonly #taken = new Map<DeviceStore, number>()
  readonly #uploads = new Map<HostStore, DeviceStore>()

  constructor(memory: DeviceMemory) {
    this.memory = memory
  }

  /** A buffer for the result of a kernel. It is free again once no held array reads it. */
  take(count: number): DeviceStore {
    const store = this.memory.take(count)
    this.#taken.set(store, 0)
    return store
  }

  /** The store on the device. */
  resident(store: Store, type: DeviceType): DeviceStore {
    if (store.kind === 'device') return store
    const constant = this.memory.constant(store, type) ?? this.#uploads.get(store)
    if (constant !== undefined) return constant
    const upload = { kind: 'device', buffer: this.memory.gpu.upload(stored(store.values, type)) } as const
    this.#uploads.set(store, upload)
    return upload
  }

  hold(array: LazyArray): void {
    this.#count(array, 1)
  }

  drop(array: LazyArray): void {
    this.#count(array, -1)
    this.sweep()
  }

  /** Gives back what no array that is held reads. */
  sweep(): void {
    for (const [store, count] of this.#taken) {
      if (count > 0) continue
      this.memory.giveBack(store)
      this.#taken.delete(store)
    }
  }

  #count({ element }: LazyArray, change: number): void {
    for (const store of storesIn(element)) {
      const count = store.kind === 'device' ? this.#taken.get(store) : undefined
      if (count !== undefined) this.#taken.set(store as DeviceStore, count + change)
    }
  }

  /** Gives everything back: nothing will run. */
  abandon(): void {
    this.#giveBackAll()
    for (const { buffer } of this.#uploads.values()) buffer.destroy()
  }

  #giveBackAll(): void {
    for (const store of this.#taken.keys()) this.memory.giveBack(store)
    this.#taken.clear()
  }

  /** Compiles what was recorded. Buffers that it writes may be shared with other recordings from now on. */
  async finish(): Promise<PreparedDispatches> {
    const { gpu } = this.memory
    this.#giveBackAll()
    const prepared = await prepareDispatches(gpu, this.dispatches)
    const uploads = [...this.#uploads.values()]
    return {
      ...prepared,
      [Symbol.dispose]() {
        prepared[Symbol.dispose]()
        for (const { buffer } of uploads) buffer.destroy()
      },
    }
  }
}

/** Numbers as they lie on the device. Throws where an integer has more than 32 bits. */
export function stored(values: ArrayLike<number>, type: DeviceType): Float32Array | Uint32Array {
  if (type === 'f32') return values instanceof Float32Array ? values : Float32Array.from(values)
  return Uint32Array.from(values, (value) => wordOf(value))
}

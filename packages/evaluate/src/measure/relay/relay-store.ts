import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { PareError } from '@pare/onnx'
import { type DataArray, isStrings, STORAGE, sizeOf } from '../../data/ndarray.js'

/**
 * Values of batches by name, in memory up to so many bytes and in files of a folder beyond that: one file for each value, which goes when the value does.
 * Text stays in memory.
 */
export class RelayStore {
  readonly #values = new Map<string, Map<number, DataArray | FilePlace>>()
  readonly #files = new Map<string, { readonly fd: number; readonly path: string; bytes: number }>()
  #inMemory = 0
  #opened = 0

  constructor(
    private readonly folder: string,
    private readonly memoryBytes: number,
  ) {}

  /** Bytes of arrays in memory. */
  get bytesInMemory(): number {
    return this.#inMemory
  }

  set(name: string, batch: number, array: DataArray): void {
    const batches = this.#values.get(name) ?? new Map<number, DataArray | FilePlace>()
    this.#values.set(name, batches)
    const bytes = isStrings(array) ? 0 : array.data.byteLength
    if (isStrings(array) || this.#inMemory + bytes <= this.memoryBytes) {
      this.#inMemory += bytes
      batches.set(batch, array)
    } else batches.set(batch, { type: array.type, shape: array.shape, offset: this.#append(name, array.data) })
  }

  /** Throws where there is no such value. */
  get(name: string, batch: number): DataArray {
    const value = this.#values.get(name)?.get(batch)
    if (value === undefined) throw new Error(`no value '${name}' of batch ${batch} is stored`)
    return 'offset' in value ? this.#read(name, value) : value
  }

  delete(name: string): void {
    for (const value of this.#values.get(name)?.values() ?? [])
      if (!('offset' in value) && !isStrings(value)) this.#inMemory -= value.data.byteLength
    this.#values.delete(name)
    const file = this.#files.get(name)
    if (file === undefined) return
    closeSync(file.fd)
    rmSync(file.path, { force: true })
    this.#files.delete(name)
  }

  [Symbol.dispose](): void {
    for (const name of [...this.#values.keys()]) this.delete(name)
  }

  #append(name: string, { buffer, byteOffset, byteLength }: ArrayBufferView): number {
    try {
      const file = this.#files.get(name) ?? this.#open(name)
      const offset = file.bytes
      const bytes = new Uint8Array(buffer, byteOffset, byteLength)
      for (let at = 0; at < byteLength; ) at += writeSync(file.fd, bytes, at, byteLength - at, offset + at)
      file.bytes += byteLength
      return offset
    } catch (cause) {
      if (!(cause instanceof Error && 'code' in cause)) throw cause
      throw new PareError(`values between layers cannot be written to ${this.folder}: ${cause.code}.`, {
        hint: 'name a folder with more room in the environment variable TMPDIR, or take fewer samples.',
        cause,
      })
    }
  }

  #open(name: string) {
    const path = join(this.folder, `${this.#opened++}.values`)
    const file = { fd: openSync(path, 'wx+'), path, bytes: 0 }
    this.#files.set(name, file)
    return file
  }

  #read(name: string, { type, shape, offset }: FilePlace): DataArray {
    const { fd } = this.#files.get(name)!
    const data = new STORAGE[type](sizeOf(shape))
    const bytes = new Uint8Array(data.buffer)
    for (let at = 0; at < bytes.length; ) {
      const read = readSync(fd, bytes, at, bytes.length - at, offset + at)
      if (read === 0) throw new Error(`the file of '${name}' ends early`)
      at += read
    }
    return { type, shape, data }
  }
}

/** An array that is on disk. */
interface FilePlace {
  readonly type: keyof typeof STORAGE
  readonly shape: readonly number[]
  readonly offset: number
}

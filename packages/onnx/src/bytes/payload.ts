import type { FileHandle } from 'node:fs/promises'
import { PareError } from '../error.js'
import type { FileRange, Payload } from '../model.js'

/** A payload in memory: reads copy out of `bytes`, which must not change afterwards. */
export function makePayload(bytes: Uint8Array, file?: FileRange): Payload {
  const payload = { byteLength: bytes.byteLength, bytes, read: readFrom }
  return file === undefined ? payload : { ...payload, file }

  function readFrom(target: Uint8Array, offset: number): Promise<void> {
    checkRange(target.byteLength, offset, bytes.byteLength)
    target.set(bytes.subarray(offset, offset + target.byteLength))
    return Promise.resolve()
  }
}

/** What Node reads at once ends at 2 GiB. */
const MOST_BYTES = 2 ** 30

/** A stretch of a file, read through `handle` and no other way. `file.path` tells others where it is. */
export function filePayload(handle: FileHandle, file: FileRange, length: number): Payload {
  return { byteLength: length, file, read }

  async function read(target: Uint8Array, offset: number): Promise<void> {
    checkRange(target.byteLength, offset, length)
    let filled = 0
    while (filled < target.byteLength) {
      const count = Math.min(target.byteLength - filled, MOST_BYTES)
      const { bytesRead } = await handle.read(target, filled, count, file.offset + offset + filled)
      if (bytesRead === 0) throw truncated(file.path, file.offset + offset + filled)
      filled += bytesRead
    }
  }
}

/** A payload whose bytes are made on the first read, all at once, and kept. */
export function lazyPayload(length: number, make: () => Promise<Uint8Array>): Payload {
  let payload: Promise<Payload> | undefined
  return {
    byteLength: length,
    async read(target, offset) {
      payload ??= make().then((bytes) => makePayload(bytes))
      await (await payload).read(target, offset)
    },
  }
}

/** Made when its first byte is read, and let go of with its last: a model is written tensor by tensor. */
export function madeAtOnce(byteLength: number, make: () => Promise<Uint8Array>): Payload {
  let made: Promise<Uint8Array> | undefined
  return {
    byteLength,
    async read(target, offset) {
      made ??= make()
      const bytes = await made
      target.set(bytes.subarray(offset, offset + target.byteLength))
      if (offset + target.byteLength === byteLength) made = undefined
    },
  }
}

/** All bytes of a payload, in an array of their own whose offset is 0: any typed array can view it. */
export async function readAll(payload: Payload): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(payload.byteLength)
  await payload.read(bytes, 0)
  return bytes
}

export interface PayloadChunk {
  /** Valid until the next chunk is asked for: the buffer is used again. */
  readonly bytes: Uint8Array
  /** Of the first byte within the payload. */
  readonly offset: number
}

/**
 * The bytes of a payload in order, `chunkBytes` at a time (the last one shorter). Default: 1 MiB. While the caller works on a
 * chunk the next ones are being read, into the other buffers. Each chunk starts at offset 0 of its buffer.
 * `own`: two or more buffers of `chunkBytes` to be used instead of two new ones, for one payload after another.
 */
export async function* chunks(
  payload: Payload,
  chunkBytes = 1 << 20,
  own?: readonly Uint8Array[],
): AsyncGenerator<PayloadChunk, void, void> {
  const size = Math.min(chunkBytes, payload.byteLength)
  const buffers = own ?? [new Uint8Array(size), new Uint8Array(payload.byteLength > size ? size : 0)]
  const count = Math.ceil(payload.byteLength / size)
  const ahead: Promise<Uint8Array>[] = []
  try {
    for (let n = 0; n < count; n++) {
      while (ahead.length < Math.min(buffers.length, count - n)) ahead.push(start(n + ahead.length))
      const bytes = await ahead.shift()!
      yield { bytes, offset: n * size }
    }
  } finally {
    // The reads in flight still write into buffers: wait for them, and let their errors, if any, go with them.
    await Promise.allSettled(ahead)
  }

  function start(n: number): Promise<Uint8Array> {
    const offset = n * size
    const bytes = buffers[n % buffers.length]!.subarray(0, Math.min(size, payload.byteLength - offset))
    const reading = payload.read(bytes, offset).then(() => bytes)
    // It may fail while the caller is still busy with a chunk before; the error is thrown where it is awaited.
    reading.catch(() => undefined)
    return reading
  }
}

function checkRange(length: number, offset: number, available: number): void {
  if (!(offset >= 0 && offset + length <= available)) {
    throw new RangeError(`payload: ${length} bytes from ${offset} on were asked for, but it has ${available}`)
  }
}

function truncated(path: string, offset: number): PareError {
  return new PareError(`${path}: the file ends at byte ${offset}, in the middle of a tensor.`, {
    hint: 'the file changed while it was open; run again when nothing writes to it.',
  })
}

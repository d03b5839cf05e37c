import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { MixedFile } from '@pare/evaluate'
import { PareError, readRegular } from '@pare/onnx'

/** The SHA-256 of a file, computed in a thread of its own, possibly while the file is still being written. */
export interface Hashing extends AsyncDisposable {
  /** So many bytes of the file are there now and will not change any more. */
  grew(bytes: number): void
  /** The file is complete: its SHA-256, in hex. Rejects where it cannot be read. */
  digest(): Promise<string>
}

/** Hashes a file that is already complete. */
export function hashFile(path: string): Hashing {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  return size < LARGE ? hashHere(path) : startHash(path, COMPLETE)
}

/** The same of data: of a folder, that of what sha256sum prints for its files, hidden ones left out, in the order of their paths. */
export function hashData(path: string): Hashing {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return hashFile(path)
  const result = digestFolder(path)
  result.catch(() => undefined)
  return { grew: () => {}, digest: () => result, [Symbol.asyncDispose]: async () => {} }
}

/** The same of calibration data: of a mixture, that of its weights and of what its files hash to. */
export function hashCalibration({ data, mixture }: { readonly data: string; readonly mixture?: readonly MixedFile[] }): Hashing {
  if (mixture === undefined) return hashData(data)
  const hashes = mixture.map((file) => hashData(file.data))
  return {
    grew: () => {},
    async digest() {
      const lines = await Promise.all(hashes.map(async (hash, i) => `${mixture[i]!.weight} ${await hash.digest()}\n`))
      return createHash('sha256').update(lines.join('')).digest('hex')
    },
    async [Symbol.asyncDispose]() {
      for (const hash of hashes) await hash[Symbol.asyncDispose]()
    },
  }
}

async function digestFolder(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.split('/').some((part) => part.startsWith('.')))
    .sort()
  const whole = createHash('sha256')
  for (const path of paths) {
    const bytes = await readRegular(join(folder, path))
    whole.update(`${createHash('sha256').update(bytes).digest('hex')}  ${path}\n`)
  }
  return whole.digest('hex')
}

/** Bytes from which on a thread is worth its start. */
export const LARGE = 1 << 23

/** Hashes a file that is still growing. It must exist. */
export function hashGrowing(path: string): Hashing {
  return startHash(path, 0)
}

const COMPLETE = Number.MAX_SAFE_INTEGER

function hashHere(path: string): Hashing {
  const result = readRegular(path).then((bytes) => createHash('sha256').update(bytes).digest('hex'))
  // It may fail long before somebody asks.
  result.catch(() => undefined)
  return { grew: () => {}, digest: () => result, [Symbol.asyncDispose]: async () => {} }
}

function startHash(path: string, available: number): Hashing {
  // [0] bytes that are there, [1] whether that is all.
  const state = new BigInt64Array(new SharedArrayBuffer(16))
  if (available === COMPLETE) finish(state)
  // Opened here and now: under this name the file may be gone before the thread has started.
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  if (!fstatSync(file).isFile()) {
    closeSync(file)
    throw new PareError(`${path} is not a regular file.`, { hint: 'copy it to a regular file first.' })
  }
  const worker = new Worker(`(${hashLoop.toString()})()`, { eval: true, workerData: { file, state }, env: {}, execArgv: [] })
  const result = new Promise<string>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the hashing thread of ${path} ended early (${code})`)))
  })
  result.catch(() => undefined)
  // A command that fails elsewhere must not wait for it.
  worker.unref()
  let ended = false
  return {
    grew: (bytes) => advance(state, bytes),
    digest() {
      worker.ref()
      finish(state)
      return result
    },
    /** Ends the thread, also before it is done. */
    async [Symbol.asyncDispose]() {
      if (ended) return
      ended = true
      await worker.terminate()
      closeSync(file)
    },
  }
}

function advance(state: BigInt64Array, bytes: number): void {
  Atomics.store(state, 0, BigInt(bytes))
  Atomics.notify(state, 0)
}

function finish(state: BigInt64Array): void {
  Atomics.store(state, 1, 1n)
  advance(state, COMPLETE)
}

/** Runs in the thread, from its source text: uses nothing from outside, so that a bundle needs no second file. */
function hashLoop(): void {
  const { createHash } = process.getBuiltinModule('node:crypto')
  const { readSync } = process.getBuiltinModule('node:fs')
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads')
  const { file, state } = workerData as { file: number; state: BigInt64Array }
  const hash = createHash('sha256')
  const buffer = new Uint8Array(1 << 20)
  for (let offset = 0; ; ) {
    // In this order: what is there when all is said to be there is all.
    const complete = Atomics.load(state, 1) === 1n
    const available = Atomics.load(state, 0)
    const length = Math.min(buffer.length, Number(available) - offset)
    if (length > 0) {
      const size = readSync(file, buffer, 0, length, offset)
      if (size === 0 && complete) break
      hash.update(buffer.subarray(0, size))
      offset += size
      continue
    }
    Atomics.wait(state, 0, available, 1000)
  }
  parentPort?.postMessage(hash.digest('hex'))
}

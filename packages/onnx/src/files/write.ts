import { open, realpath, rm, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { type DataPlace, layOut } from '../bytes/layout.js'
import { filesOf } from '../bytes/origin.js'
import { lengthOf, type Piece } from '../bytes/splice.js'
import { writePieces } from '../bytes/stream.js'
import { PareError } from '../error.js'
import { editTensor } from '../graph/edit.js'
import { withTensors } from '../graph/with-tensors.js'
import type { Model, Payload } from '../model.js'
import { dataNamesFor } from './data-names.js'
import { NewFile } from './new-file.js'

export interface WriteOptions {
  /** Ends the writing; nothing is left behind. */
  readonly signal?: AbortSignal
  /** Called after each chunk, with bytes over all files. */
  readonly onProgress?: (bytesWritten: number, bytesTotal: number) => void
  /** Called before the first byte of each file, with the name that it has until all are complete. */
  readonly onFile?: (file: WrittenFile & { readonly temporary: string }) => void
  /** Default: 1 MiB. Three buffers of this size are used. */
  readonly chunkBytes?: number
  /** Path that the model is moved to once it is written, its data beside it. Their names are chosen so that nothing there is lost. Default: it stays. */
  readonly destination?: string
}

export interface WrittenFile {
  readonly path: string
  readonly bytes: number
}

/**
 * Writes a model, and its external tensors to files beside it, named as `dataNamesFor` says. The files appear complete or not at all: they are written
 * under temporary names in the same folder, flushed to disk and renamed. Never onto a file that the model is read from.
 * Returns the files, the model first.
 */
export async function writeModel(model: Model, path: string, options: WriteOptions = {}): Promise<WrittenFile[]> {
  const names = await dataNamesFor(model, path, options.destination)
  try {
    const layout = layOut(model, names.nameOf)
    checkSize(lengthOf(layout.model), path)
    const data = [...layout.data].map(([name, pieces]) => target(join(dirname(path), name), pieces))
    const files = await writeTargets(model, [target(path, layout.model), ...data], options)
    if (names.reserved !== undefined && layout.data.size === 0) await rm(names.reserved, { force: true })
    return files
  } catch (error) {
    if (names.reserved !== undefined) await rm(names.reserved, { force: true })
    throw error
  }
}

async function writeTargets(model: Model, targets: readonly Target[], options: WriteOptions): Promise<WrittenFile[]> {
  await refuseOwnFiles(model, targets)
  const total = targets.reduce((sum, each) => sum + each.bytes, 0)
  const files: NewFile[] = []
  let before = 0
  try {
    for (const each of targets) {
      const base = before
      const file = await NewFile.create(each.path)
      files.push(file)
      options.onFile?.({ path: each.path, bytes: each.bytes, temporary: file.temporary })
      await writePieces(file.handle, each.pieces, { ...options, onProgress: (done) => options.onProgress?.(base + done, total) })
      await file.complete()
      before += each.bytes
    }
    options.signal?.throwIfAborted()
    // The data first: a model never points to data that are not there.
    for (const file of [...files].reverse()) await file.publish()
  } finally {
    for (const file of files) await file[Symbol.asyncDispose]()
  }
  await flushFolder(dirname(targets[0]!.path))
  return targets.map((each) => ({ path: each.path, bytes: each.bytes }))
}

/** Counts the bytes that `writeModel` writes, external data included, and reads no tensor. */
export function writtenBytes(model: Model): number {
  const { model: own, data } = layOut(model, (location) => location ?? 'model.onnx.data')
  return [own, ...data.values()].reduce((sum, pieces) => sum + lengthOf(pieces), 0)
}

export interface BytesOptions {
  /** Folder of the model's external data, as for `readModel`: unchanged external tensors in its files stay there. Default: all are put inline. */
  readonly externalFrom?: string
}

/** The bytes of a small model. Throws PareError at 2 GiB. */
export async function modelBytes(model: Model, { externalFrom }: BytesOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const placeOf = externalFrom === undefined ? () => undefined : placesIn(await realpath(externalFrom))
  const layout = layOut(inlined(model, placeOf), () => '', placeOf)
  const size = lengthOf(layout.model)
  checkSize(size, 'the model')
  const bytes = new Uint8Array(size)
  let filled = 0
  for (const piece of layout.model) {
    if (piece instanceof Uint8Array) bytes.set(piece, filled)
    else await piece.read(bytes.subarray(filled, filled + piece.byteLength), 0)
    filled += piece.byteLength
  }
  return bytes
}

interface Target {
  readonly path: string
  readonly pieces: readonly Piece[]
  readonly bytes: number
}

function target(path: string, pieces: readonly Piece[]): Target {
  return { path, pieces, bytes: lengthOf(pieces) }
}

const LIMIT = 2 ** 31 - 1

function checkSize(bytes: number, name: string): void {
  if (bytes <= LIMIT) return
  throw new PareError(`${name} would have ${bytes} bytes, but ONNX files end at ${LIMIT}.`, {
    hint: "keep its tensors as external data: withTensors(model, (tensor) => editTensor(tensor, { storage: 'external' })).",
  })
}

async function refuseOwnFiles(model: Model, targets: readonly Target[]): Promise<void> {
  const own = filesOf(model.proto).paths
  for (const { path } of targets) {
    const real = await realpath(path).catch(() => resolve(path))
    if (own.includes(real)) {
      throw new PareError(`${path} is a file that the model is read from: it would be destroyed.`, {
        hint: 'write to another name or folder.',
      })
    }
    const stats = await stat(path).catch(() => undefined)
    if (stats?.isDirectory())
      throw new PareError(`${path} is a folder, expected the name of a file.`, { hint: 'add a file name.' })
  }
}

/** So that the new names are on disk too. Some file systems, and Windows, cannot: then they come with the next flush. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}

function inlined(model: Model, placeOf: (data: Payload) => DataPlace | undefined): Model {
  return withTensors(model, (tensor) =>
    tensor.storage === 'inline' || placeOf(tensor.data) !== undefined ? tensor : editTensor(tensor, { storage: 'inline' }),
  )
}

function placesIn(folder: string): (data: Payload) => DataPlace | undefined {
  return ({ file }) => {
    if (file === undefined) return undefined
    const location = relative(folder, file.path)
    const isInside = !isAbsolute(location) && !location.startsWith('..')
    return isInside ? { location: location.replaceAll('\\', '/'), offset: file.offset } : undefined
  }
}

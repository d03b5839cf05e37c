import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { decodeModel } from '../bytes/decode.js'
import { fileImage, type Image, memoryImage } from '../bytes/image.js'
import { type Index, indexModel } from '../bytes/indexer.js'
import { rememberFiles, rememberOrigin } from '../bytes/origin.js'
import type { ModelProto, TensorProto } from '../bytes/proto.js'
import { decodeSkeleton } from '../bytes/skeleton.js'
import { type Bytes, fileBytes, memoryBytes } from '../bytes/wire.js'
import { PareError } from '../error.js'
import type { Model } from '../model.js'
import { present } from '../present.js'
import { External } from './external.js'
import { isLfsPointer, lfsPointer } from './lfs.js'
import { type FileState, openRegular, stateOf } from './regular-file.js'

export interface OpenOptions {
  /**
   * Reads external data from files that have other hard links too. They can make a model read a file from outside its folder;
   * caches of package managers and of model hubs make them as well. Default: false.
   */
  readonly allowHardLinks?: boolean
}

/** A model whose tensors are read from its files, which are open as long as it is. */
export class ModelFile implements AsyncDisposable {
  readonly model: Model
  readonly path: string
  /** Size of the model's own file. */
  readonly bytes: number
  readonly #files: readonly FileState[]
  readonly #close: () => Promise<void>

  constructor(parts: {
    readonly model: Model
    readonly path: string
    readonly bytes: number
    readonly files: readonly FileState[]
    readonly close: () => Promise<void>
  }) {
    this.model = parts.model
    this.path = parts.path
    this.bytes = parts.bytes
    this.#files = parts.files
    this.#close = parts.close
  }

  /**
   * Throws PareError where a name of one of its files, external data too, no longer leads to what was opened. Run times open a model by its name: asked after
   * they have, it says whether that is what was looked at before.
   */
  async confirmFiles(): Promise<void> {
    for (const file of this.#files) {
      const now = await stat(file.path, { bigint: true }).catch(() => undefined)
      if (now !== undefined && stateOf(file.path, now).key === file.key) continue
      throw new PareError(`${file.path} was replaced or changed while it was opened.`, {
        hint: 'run again when nothing writes to it.',
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }
}

/** Opens a model. Reads all of its file but the tensors. Throws PareError when it is not there, not a model, or broken. */
export async function openModel(path: string, options: OpenOptions = {}): Promise<ModelFile> {
  const { handle, size } = await openRegular(path)
  const external = new External({ folder: dirname(resolve(path)), allowHardLinks: options.allowHardLinks ?? false })
  const close = async (): Promise<void> => {
    await Promise.all([handle.close(), external.close()])
  }
  try {
    const own = stateOf(path, await handle.stat({ bigint: true }))
    const bytes = fileBytes(handle.fd, size, path)
    checkBeginning(bytes)
    const real = await realpath(path)
    const index = indexModel(bytes)
    const image = fileImage(bytes, index, { handle, path: real })
    const proto = decodeSkeleton(image, index)
    await external.openAll(proto, path)
    return new ModelFile({
      model: assemble({ image, index, proto, external, path: real, name: basename(path) }),
      path,
      bytes: size,
      files: [own, ...external.states],
      close,
    })
  } catch (error) {
    await close()
    throw error
  }
}

export interface ReadOptions {
  /** Folder that holds the model's external data. Default: a model with external data is refused. */
  readonly externalFrom?: string
  readonly allowHardLinks?: boolean
}

/** A model from memory: its tensors are views of `bytes`, which must not change. External data are read whole. */
export async function readModel(bytes: Uint8Array, options: ReadOptions = {}): Promise<Model> {
  const source = { ...memoryBytes(bytes, 'the model'), whole: bytes }
  checkBeginning(source)
  const folder = options.externalFrom
  const external = new External({
    ...present({ folder }),
    allowHardLinks: options.allowHardLinks ?? false,
    inMemory: true,
  })
  try {
    const index = indexModel(source)
    const image = memoryImage(source)
    const proto = decodeSkeleton(image, index)
    await external.openAll(proto, source.label)
    return assemble({ image, index, proto, external })
  } finally {
    await external.close()
  }
}

/** A model from memory, without external data. */
export function decodeBytes(bytes: Uint8Array, label: string): Model {
  const source = { ...memoryBytes(bytes, label), whole: bytes }
  const read = { image: memoryImage(source), index: indexModel(source) }
  return assemble({ ...read, proto: decodeSkeleton(read.image, read.index), external: new External({ allowHardLinks: false }) })
}

interface Parts {
  readonly image: Image
  readonly index: Index
  readonly proto: ModelProto
  /** Its files are open. */
  readonly external: External
  /** The file that the image is, if it is one. */
  readonly path?: string
  /** What the file was called by: another name than in its path, where that was a link. */
  readonly name?: string
}

function assemble({ image, index, proto, external, path, name }: Parts): Model {
  const tensors = new Map<TensorProto, number>()
  const decoding = { image, index, tensors, external: external.payload, ...present({ path }) }
  const model = decodeModel(proto, decoding)
  rememberOrigin(proto, { image, index, tensors, model })
  const paths = [...(path === undefined ? [] : [path]), ...external.paths]
  rememberFiles(proto, { paths, locations: external.locations, ...present({ name }) })
  return model
}

/** Refuses an empty file and a Git LFS pointer. */
function checkBeginning(bytes: Bytes): void {
  if (bytes.size === 0) {
    throw new PareError(`${bytes.label} is empty, expected an ONNX model.`, { hint: 'export, copy or download it again.' })
  }
  if (isLfsPointer(bytes)) throw lfsPointer(bytes.label)
}

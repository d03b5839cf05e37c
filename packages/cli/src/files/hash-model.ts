import { basename } from 'node:path'
import { type Model, type ModelFile, withTensors } from '@pare/onnx'
import { hashFile } from './hash.js'

/** What tells a model from every other: the hashes of its own file and of the files of its external data. */
export interface ModelHashes {
  readonly sha256: string
  readonly external?: readonly { readonly name: string; readonly sha256: string }[]
}

export interface ModelHashing extends AsyncDisposable {
  digest(): Promise<ModelHashes>
}

/** Hashes all files of a model, each in a thread of its own. */
export function hashModel(file: ModelFile): ModelHashing {
  return hashFiles(filesOf(file))
}

/** The same of files that are one model: the first is its own. */
export function hashFiles([path, ...others]: readonly string[]): ModelHashing {
  const own = hashFile(path!)
  const external = others.map((other) => ({ name: basename(other), hashing: hashFile(other) }))
  return {
    async digest() {
      const sha256 = await own.digest()
      if (external.length === 0) return { sha256 }
      return {
        sha256,
        external: await Promise.all(external.map(async ({ name, hashing }) => ({ name, sha256: await hashing.digest() }))),
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([own, ...external.map(({ hashing }) => hashing)].map((hashing) => hashing[Symbol.asyncDispose]()))
    },
  }
}

/** Every file that a model is read from. */
export function filesOf(file: ModelFile): readonly string[] {
  return [file.path, ...externalFiles(file.model)]
}

/** The files that external tensors lie in, in order. */
export function externalFiles(model: Model): readonly string[] {
  const paths = new Set<string>()
  withTensors(model, (tensor) => {
    if (tensor.storage === 'external' && tensor.data.file !== undefined) paths.add(tensor.data.file.path)
    return tensor
  })
  return [...paths].sort()
}

import { rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Model, type ModelFile, makeTemporaryFolder, openModel, writeModel } from '@pare/onnx'
import { filesOf } from '../../files/hash-model.js'
import { type DecoderPair, joinDecoders } from './join.js'
import { type Face, splitDecoders } from './split.js'

/** The decoder that reads a prompt, without its end, and the one that goes on with its cache: 'onnx/decoder_model.onnx' → 'onnx/decoder_with_past_model.onnx'. */
export function nextDecoder(file: string): string {
  return join(dirname(file), basename(file).replace('decoder_model', 'decoder_with_past_model')).split('\\').join('/')
}

/** Two decoders that are pruned as one model, which is a file of its own as long as this is not disposed of. */
export interface JoinedDecoders extends AsyncDisposable {
  /** The model of both. Its folder is for whatever goes with it. */
  readonly path: string
  /** Absolute paths of the two files. */
  readonly models: DecoderPair<string>
  /** All files of both, with external data: those of the first come first. */
  readonly files: readonly string[]
  /** Of all files. */
  readonly bytes: number
  /** The two models after what was done to them as one. */
  split(joined: Model): DecoderPair<Model>
}

/** Joins two decoders. Throws PareError where they cannot be one model. Writes their weights once. */
export async function openJoined(models: DecoderPair<string>, signal?: AbortSignal): Promise<JoinedDecoders> {
  await using first = await openModel(models.first)
  await using next = await openModel(models.next)
  const names = { first: basename(models.first), next: basename(models.next) }
  const joined = await joinDecoders({ first: first.model, next: next.model }, names)
  const faces = { first: faceOf(first), next: faceOf(next) }
  const files = [first, next].flatMap(filesOf)
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
  const folder = makeTemporaryFolder('pair')
  const path = join(folder, names.first)
  const dispose = () => rm(folder, { recursive: true, force: true })
  try {
    await writeModel(joined, path, signal === undefined ? {} : { signal })
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    ...{ path, models, files, bytes: sizes.reduce((sum, size) => sum + size, 0) },
    split: (whole) => splitDecoders(whole, faces),
    [Symbol.asyncDispose]: dispose,
  }
}

const faceOf = ({ model: { graph } }: ModelFile): Face => ({ inputs: graph.inputs, outputs: graph.outputs })

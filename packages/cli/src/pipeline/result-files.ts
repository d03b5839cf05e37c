import { mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Model, writeModel } from '@pare/onnx'
import type { Work } from '../engine/work.js'
import { type Hashing, hashFile, hashGrowing, LARGE } from '../files/hash.js'
import type { OutputFiles } from '../files/output.js'
import type { Publication } from '../files/publication.js'
import type { Task } from '../settings/task.js'

export interface FileFacts {
  readonly path: string
  /** With external data, where there are any. */
  readonly bytes: number
  /** Of the model's own file. */
  readonly sha256: string
}

/** The files of a pruned model. */
export interface ResultFiles {
  readonly output: FileFacts
  /** Where the output can be run until it is published: of a pair of decoders the model of both. */
  readonly staged: string
  /** Of this file. */
  readonly stagedSha256: string
  /** The model files that are published. */
  readonly stagedFiles: readonly string[]
}

/** Where they go. */
interface ResultPlace {
  readonly output: OutputFiles
  readonly publication: Publication
}

/** Writes a model to where it is published from; one that was joined stays beside what it was joined from, and goes out as the two files that it was. */
export async function writeResult(
  pruned: Model,
  { pair, path }: Pick<Task, 'pair' | 'path'>,
  { output, publication }: ResultPlace,
  work: Pick<Work, 'signal' | 'progress' | 'label'>,
): Promise<ResultFiles> {
  const write = async (model: Model, to: string, destination: string) => writePruned(model, { path: to, destination }, work)
  const target = await publication.staged(output.model)
  const files = { stagedFiles: await stagedFiles(output, publication) }
  if (pair === undefined || output.next === undefined) {
    const result = await write(pruned, target, output.model)
    return { output: { ...result, path: output.model }, staged: target, stagedSha256: result.sha256, ...files }
  }
  const staged = join(dirname(path), 'pruned', basename(path))
  await mkdir(dirname(staged), { recursive: true })
  const { sha256: stagedSha256 } = await write(pruned, staged, staged)
  const { first, next } = pair.split(pruned)
  const one = await write(first, target, output.model)
  const other = await write(next, await publication.staged(output.next), output.next)
  const facts = { path: output.model, bytes: one.bytes + other.bytes, sha256: one.sha256 }
  return { output: facts, staged, stagedSha256, ...files }
}

/** Where the model files of an output are until they are published. */
export async function stagedFiles({ model, next }: OutputFiles, publication: Publication): Promise<readonly string[]> {
  return await Promise.all([model, ...(next === undefined ? [] : [next])].map((file) => publication.staged(file)))
}

/** The model files of a task, without external data. */
export function modelFilesOf({ path, pair }: Pick<Task, 'path' | 'pair'>): readonly string[] {
  return pair === undefined ? [path] : [pair.models.first, pair.models.next]
}

interface Writing {
  readonly path: string
  /** Where it is published. */
  readonly destination: string
}

/** Writes a model, whole or not at all, and hashes it meanwhile. `bytes` counts external data too. */
export async function writePruned(
  model: Model,
  { path, destination }: Writing,
  { signal, progress, label }: Pick<Work, 'signal' | 'progress' | 'label'>,
): Promise<FileFacts> {
  const activity = progress.begin(`${label}: writing`)
  const growing: { hash?: Hashing; bytes: number } = { bytes: 0 }
  try {
    const files = await writeModel(model, path, {
      destination,
      signal,
      // The first file is the model's own.
      onFile: ({ temporary, bytes }) => {
        if (growing.bytes === 0 && bytes >= LARGE) growing.hash = hashGrowing(temporary)
        growing.bytes ||= bytes
      },
      onProgress: (done, total) => {
        activity.update(done, total)
        growing.hash?.grew(Math.min(done, growing.bytes))
      },
    })
    await using hash = growing.hash ?? hashFile(path)
    return { path, bytes: files.reduce((sum, file) => sum + file.bytes, 0), sha256: await hash.digest() }
  } finally {
    await growing.hash?.[Symbol.asyncDispose]()
    activity.end()
  }
}

import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { filePayload, type OpenedFile, openRegular, PareError, type Payload, parseJson, readRegular } from '@pare/onnx'
import { z } from 'zod'
import { isFile, isFolder } from '../files/paths.js'
import { checkpointFolder, type ModelFolder } from '../folder/model-folder.js'
import { readHeader, type SafeTensor } from '../masks/safetensors.js'

/** A tensor of a checkpoint. */
export interface CheckpointTensor extends Pick<SafeTensor, 'name' | 'type' | 'shape'> {
  readonly data: Payload
}

/** A file of a checkpoint: the only one, or a shard. */
export interface CheckpointFile {
  /** Relative to the checkpoint's folder. */
  readonly name: string
  readonly bytes: number
  readonly tensors: readonly CheckpointTensor[]
  readonly metadata: Readonly<Record<string, string>>
}

/** Weights in .safetensors files, as they are trained and published. Its files are open until it is disposed of. */
export interface Checkpoint extends AsyncDisposable {
  /** What messages call it. */
  readonly shown: string
  /** What goes along. Undefined: it is one file alone. */
  readonly folder: ModelFolder | undefined
  readonly files: readonly CheckpointFile[]
  /** The file that says which shard holds which tensor. Undefined: there is but one file. */
  readonly index: CheckpointIndex | undefined
  /** Absolute paths of all files with weights, and of the index. */
  readonly sources: readonly string[]
}

export interface CheckpointIndex {
  /** Relative to the checkpoint's folder. */
  readonly name: string
  /** As it was read. */
  readonly content: Readonly<Record<string, unknown>>
}

const INDEX_ENDING = '.safetensors.index.json'
const SINGLE = 'model.safetensors'
const MOST_INDEX_BYTES = 2 ** 27

/**
 * Whether a path is of a checkpoint alone: a .safetensors file, the index of several, or a folder that has them as model.safetensors and has no ONNX model, neither
 * itself nor in a folder onnx.
 */
export async function isCheckpoint(path: string): Promise<boolean> {
  if (!(await isFolder(path))) return path.endsWith('.safetensors') || path.endsWith(INDEX_ENDING)
  const [own, onnx] = [await readdir(path), await readdir(join(path, 'onnx')).catch(() => [])]
  const hasWeights = own.includes(SINGLE) || own.includes(`model${INDEX_ENDING}`)
  return hasWeights && ![...own, ...onnx].some((name) => name.endsWith('.onnx'))
}

/** Opens a checkpoint: a folder, an index or one file. Throws PareError where a file is missing or damaged, or files and index contradict each other. */
export async function openCheckpoint(path: string, shown: string): Promise<Checkpoint> {
  const whole = await isFolder(path)
  const place = whole ? path : dirname(path)
  const index = await indexOf(path, { whole, shown })
  const names = index === undefined ? [whole ? SINGLE : basename(path)] : [...new Set(index.map.values())].sort()
  const opened: OpenedFile[] = []
  const close = async () => {
    for (const { handle } of opened) await handle.close()
  }
  try {
    const files: CheckpointFile[] = []
    for (const name of names) {
      if (index !== undefined && !(await isFile(join(place, name)))) throw missingShard(shown, name, index)
      const file = await openRegular(join(place, name), 'a .safetensors file')
      opened.push(file)
      files.push(await readFile(file, join(place, name), { name, shown: whole ? `${shown}/${name}` : shown }))
    }
    if (index !== undefined) refuseContradiction(files, index, shown)
    if (files.every(({ tensors }) => tensors.length === 0))
      throw new PareError(`${shown} holds no tensors.`, { hint: 'name the folder or file of a checkpoint.' })
    const weights = [...names, ...(index === undefined ? [] : [index.name])]
    return {
      ...{ shown, files, index, sources: weights.map((name) => join(place, name)) },
      folder: whole ? await checkpointFolder(path, weights) : undefined,
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function readFile(
  file: OpenedFile,
  path: string,
  { name, shown }: { name: string; shown: string },
): Promise<CheckpointFile> {
  const { tensors, metadata } = await readHeader(file, { path, shown, content: 'a checkpoint' })
  const withData = tensors.map(({ offset, bytes, ...tensor }) => ({
    ...tensor,
    data: filePayload(file.handle, { path, offset }, bytes),
  }))
  return { name, bytes: file.size, tensors: withData, metadata }
}

interface ShardMap extends CheckpointIndex {
  /** The shard of each tensor. */
  readonly map: ReadonlyMap<string, string>
}

async function indexOf(path: string, { whole, shown }: { whole: boolean; shown: string }): Promise<ShardMap | undefined> {
  const file = whole ? join(path, `model${INDEX_ENDING}`) : path
  if (whole && (await isFile(join(path, SINGLE)))) return undefined
  if (whole && !(await isFile(file)))
    throw new PareError(`${shown}: neither ${SINGLE} nor model${INDEX_ENDING} is in this folder.`, {
      hint: 'name the folder of a checkpoint, or one .safetensors file; other formats are written anew with save_pretrained(FOLDER, safe_serialization=True).',
    })
  if (!file.endsWith(INDEX_ENDING)) return undefined
  const text = (await readRegular(file, { what: 'an index of shards', maxBytes: MOST_INDEX_BYTES })).toString('utf8')
  const content = contentOf(text, shown)
  return { name: basename(file), content, map: new Map(Object.entries(content.weight_map)) }
}

/** A plain name: a shard lies beside its index. */
const shard = z.string().regex(/^[^/\\:]+\.safetensors$/)
const indexed = z.looseObject({ weight_map: z.record(z.string(), shard) })

function contentOf(text: string, shown: string): z.infer<typeof indexed> {
  let problem: string
  try {
    const { data, error } = indexed.safeParse(parseJson(text))
    if (data !== undefined && Object.keys(data.weight_map).length > 0) return data
    const [issue] = error?.issues ?? []
    problem = issue === undefined ? 'weight_map is empty' : `${issue.path.join('.')}: ${issue.message}`
  } catch (cause) {
    problem = `it is not JSON (${(cause as Error).message})`
  }
  throw new PareError(`${shown}: the index of its shards cannot be read: ${problem}.`, {
    hint: 'it has to say which .safetensors file beside it holds which tensor: {"weight_map": {"name": "model-00001-of-00002.safetensors"}}',
  })
}

function missingShard(shown: string, name: string, { map, name: index }: ShardMap): PareError {
  const count = [...map.values()].filter((shard) => shard === name).length
  return new PareError(`${shown}: ${index} names ${name} with ${count} tensors, and there is no such file.`, {
    hint: 'download the checkpoint with all its files.',
  })
}

function refuseContradiction(files: readonly CheckpointFile[], { map, name: index }: ShardMap, shown: string): void {
  const refuse = (what: string) => {
    throw new PareError(`${shown}: ${what}.`, { hint: 'download the checkpoint again, index and shards together.' })
  }
  const held = new Map<string, string>()
  for (const { name, tensors } of files) {
    for (const tensor of tensors) {
      if (held.has(tensor.name)) refuse(`'${tensor.name}' is in ${held.get(tensor.name)} and in ${name}`)
      if (map.get(tensor.name) !== name)
        refuse(
          `${name} holds '${tensor.name}', which ${index} ${map.has(tensor.name) ? `looks for in ${map.get(tensor.name)}` : 'does not name'}`,
        )
      held.set(tensor.name, name)
    }
  }
  for (const [tensor, name] of map)
    if (!held.has(tensor)) refuse(`${index} looks for '${tensor}' in ${name}, and it is not there`)
}

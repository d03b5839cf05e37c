import { lstat, readdir } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'
import { PareError, parseJson, present, readRegular } from '@pare/onnx'
import { isFolder } from '../files/paths.js'
import { type JoinedDecoders, nextDecoder, openJoined } from './pair/pair.js'

/** A folder as Hugging Face, transformers.js or onnxruntime-genai keep a model, with what of it is pruned. */
export interface ModelFolder {
  /** Absolute. */
  readonly path: string
  /** What it is called in messages. */
  readonly name: string
  readonly kind: 'hugging-face' | 'genai' | 'files'
  /** Models that are pruned, relative to the folder with forward slashes: one, or the encoder and the decoder. */
  readonly models: readonly string[]
  /** Those of them that begin a text, and have a second file for what follows, `nextDecoder`: both are pruned as one. */
  readonly paired: readonly string[]
  /** Files that go with them as they are: tokenizers, configs, other parts of the model with their data. */
  readonly companions: readonly string[]
  /** Files that do not go along, with the reason. */
  readonly left: readonly LeftFile[]
  /** Whether its configs say that it predicts tokens of text. */
  readonly isLanguageModel: boolean
  /** Which model was taken, and of which others, as a sentence. */
  readonly choice: string
}

export interface LeftFile {
  /** Relative to the folder. */
  readonly path: string
  readonly reason: string
}

/** Larger files beside a model are weights of some kind. */
const MOST_BYTES = 2 ** 28
/** Sentence transformers keep configs in folders of their own. */
const MOST_DEEP = 3

/** Looks through a folder. Throws PareError where it holds no model, or several of which none is meant before the others. */
export async function openModelFolder(path: string): Promise<ModelFolder> {
  const name = basename(path)
  const { files, left } = await filesBelow(path)
  const onnx = files.filter(({ path: file }) => file.endsWith('.onnx')).map(({ path: file }) => file)
  const genai = files.some(({ path: file }) => file === 'genai_config.json')
  const config = files.some(({ path: file }) => file === 'config.json')
  const refused = left.find(({ path: file, reason }) => SIZES_HOLDERS.includes(file) && reason === LINK)
  if (refused !== undefined)
    throw new PareError(`${name}: ${refused.path} is a link, and links are not followed.`, {
      hint: `copy the folder with its files: cp -rL ${name} copy-of-${name} (or download it with a folder of its own: hf download … --local-dir ${name}).`,
    })
  const models = genai ? await genaiModels(path, onnx) : chosen(name, onnx)
  const paired = genai ? [] : models.filter((model) => isFirstDecoder(model) && onnx.includes(nextDecoder(model)))
  const own = [...models, ...paired.map(nextDecoder)]
  const kept = new Set(own)
  const parts = onnx.filter((file) => !kept.has(file) && isPart(file, { models, onnx, genai }))
  const companions: string[] = []
  for (const file of files) {
    if (kept.has(file.path) || own.some((model) => isDataOf(file.path, model))) continue
    const isOwnPart = parts.includes(file.path) || parts.some((part) => isDataOf(file.path, part))
    const reason = isOwnPart ? undefined : reasonToLeave(file)
    if (reason === undefined) companions.push(file.path)
    else left.push({ path: file.path, reason })
  }
  left.sort((a, b) => (a.path < b.path ? -1 : 1))
  const others = left.filter(({ reason }) => reason === VARIANT_LEFT).map(({ path: file }) => file)
  return {
    ...{ path, name, models, paired, companions, left },
    kind: genai ? 'genai' : config ? 'hugging-face' : 'files',
    isLanguageModel: genai || (config && (await predictsText(path))),
    choice: `${models.map((model) => (paired.includes(model) ? `${model} with ${nextDecoder(model)}` : model)).join(' and ')} of ${name}${genai ? ', as genai_config.json says' : ''}${others.filter((file) => file.endsWith('.onnx')).length > 0 ? ` (not ${others.filter((file) => file.endsWith('.onnx')).join(', ')})` : ''}`,
  }
}

function reasonToLeave({ path, bytes }: Listing['files'][number]): string | undefined {
  if (isWeights(path)) return path.includes('.onnx') ? VARIANT_LEFT : 'weights of another run time'
  if (DATA.test(path)) return 'data, or a config of pare'
  return bytes > MOST_BYTES ? 'too large to be a config or a tokenizer' : undefined
}

/** A folder of a checkpoint, whose weights are in these files: everything else in it that is small goes along. */
export async function checkpointFolder(path: string, weights: readonly string[]): Promise<ModelFolder> {
  const name = basename(path)
  const { files, left } = await filesBelow(path)
  const companions: string[] = []
  for (const file of files.filter((each) => !weights.includes(each.path))) {
    const reason = reasonToLeave(file)
    if (reason === undefined) companions.push(file.path)
    else left.push({ path: file.path, reason })
  }
  const [model = name] = weights
  return { path, name, kind: 'hugging-face', models: [model], paired: [], companions, left, isLanguageModel: true, choice: name }
}

/** A model file, with the folder that was named for it. */
export interface LocatedModel {
  readonly path: string
  readonly folder?: ModelFolder
  /** Of a pair of decoders: the second file. */
  readonly next?: string
}

/** The models of a folder, in their order. */
export function modelsIn(folder: ModelFolder): readonly LocatedModel[] {
  return folder.models.map((model) => {
    const next = folder.paired.includes(model) ? join(folder.path, nextDecoder(model)) : undefined
    return { path: join(folder.path, model), folder, ...present({ next }) }
  })
}

/** A model file that is there until this is disposed of. */
export interface OpenedLocation extends AsyncDisposable {
  readonly path: string
  readonly folder?: ModelFolder
  readonly pair?: JoinedDecoders
}

/**
 * The model file that is meant by a path, and the folder where it is one. A pair of decoders is joined. Of several models that belong together the one that `isMeant` says
 * of its first file is taken, without the folder. Throws PareError like `openModelFolder` and `openJoined`, and where several models belong together and none is meant.
 */
export async function modelFileOf(
  path: string,
  isMeant: (file: string) => Promise<boolean> = async () => false,
): Promise<OpenedLocation> {
  if (!(await isFolder(path))) return opened({ path })
  const folder = await openModelFolder(path)
  const located = modelsIn(folder)
  const [model] = folder.models
  if (located.length === 1) return opened(located[0]!)
  for (const { folder: _, ...each } of located) if (await isMeant(each.path)) return opened(each)
  throw new PareError(`${folder.name} holds ${folder.models.length} models that belong together: ${folder.models.join(', ')}.`, {
    hint: `name one of them: ${folder.name}/${model}`,
  })
}

/** Models that are there until this is disposed of. */
export interface OpenedLocations extends AsyncDisposable {
  /** What was chosen, as a sentence. Absent: a file is named, and no folder */
  readonly choice?: string
  readonly models: readonly OpenedLocation[]
}

/** The model files that are meant by a path: one, or those of a folder that belong together, in their order. Throws PareError like `openModelFolder` and `openJoined`. */
export async function modelFilesOf(path: string): Promise<OpenedLocations> {
  const folder = (await isFolder(path)) ? await openModelFolder(path) : undefined
  const models: OpenedLocation[] = []
  const dispose = async () => {
    for (const model of models) await model[Symbol.asyncDispose]()
  }
  try {
    for (const located of folder === undefined ? [{ path }] : modelsIn(folder)) models.push(await opened(located))
  } catch (error) {
    await dispose()
    throw error
  }
  return { ...present({ choice: folder?.choice }), models, [Symbol.asyncDispose]: dispose }
}

async function opened({ path, folder, next }: LocatedModel): Promise<OpenedLocation> {
  const pair = next === undefined ? undefined : await openJoined({ first: path, next })
  const dispose = async () => await pair?.[Symbol.asyncDispose]()
  return { path: pair?.path ?? path, ...present({ folder, pair }), [Symbol.asyncDispose]: dispose }
}

/** Files that hold sizes: they are edited by what was cut. */
export const SIZES_HOLDERS: readonly string[] = ['config.json', 'generation_config.json', 'genai_config.json']

const LINK = 'a link, and links are not followed'
const VARIANT_LEFT = 'another variant'

interface Listing {
  readonly files: { readonly path: string; readonly bytes: number }[]
  readonly left: LeftFile[]
}

async function filesBelow(root: string): Promise<Listing> {
  const listing: Listing = { files: [], left: [] }
  const look = async (below: string, depth: number): Promise<void> => {
    const entries = await readdir(join(root, below), { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const place = join(root, below, entry.name)
      const path = relative(root, place).split(sep).join('/')
      if (entry.name.startsWith('.') || PASSED_OVER.has(entry.name)) continue
      if (entry.isSymbolicLink()) listing.left.push({ path, reason: LINK })
      else if (entry.isDirectory() && depth < MOST_DEEP) await look(path, depth + 1)
      else if (entry.isFile()) listing.files.push({ path, bytes: (await lstat(place)).size })
    }
  }
  await look('', 1)
  return listing
}

/** Folders that are none of a model's. */
const PASSED_OVER = new Set(['node_modules', 'pare-out', '__pycache__'])

/** What precisions are called in the names of transformers.js and optimum. */
const VARIANT = /_(fp16|fp32|int8|uint8|q8|q4|q4f16|q2|q2f16|q1|q1f16|bnb4|quantized|optimized|O[1-4]|qint8\w*|quint8\w*)$/

const isFirstDecoder = (file: string) => stemOf(file) === 'decoder_model'
const stemOf = (file: string) => basename(file, '.onnx')
const folderOf = (file: string) => file.slice(0, file.length - basename(file).length)

/** The models of a folder without a genai_config.json. */
function chosen(name: string, onnx: readonly string[]): readonly string[] {
  const among = (folder: string) => onnx.filter((file) => folderOf(file) === folder)
  const all = among('').length > 0 ? among('') : among('onnx/')
  const named = (stem: string) => all.find((file) => stemOf(file) === stem)
  const single = named('model')
  if (single !== undefined) return [single]
  const [encoder, merged, first] = ['encoder_model', 'decoder_model_merged', 'decoder_model'].map(named)
  const set = [encoder, merged ?? first].filter((file) => file !== undefined)
  if (set.length > 0) return set
  const plain = all.filter((file) => !VARIANT.test(stemOf(file)))
  const candidates = plain.length > 0 ? plain : all
  if (candidates.length === 1) return candidates
  throw new PareError(
    candidates.length === 0
      ? `${name}: a folder without an ONNX model: there is none in it, nor in a folder onnx below.`
      : `${name}: a folder of ${candidates.length} models, none of them called model.onnx: ${candidates.join(', ')}.`,
    {
      hint:
        candidates.length === 0
          ? `export the model first: optimum-cli export onnx --model ${name} ${name}-onnx`
          : `name the file: ${name}/${candidates[0]}`,
    },
  )
}

const MOST_CONFIG_BYTES = 2 ** 22

/** The object in a config of the folder. Throws PareError where it holds none. */
async function readConfig(path: string, name: string): Promise<object> {
  const text = (await readRegular(join(path, name), { what: name, maxBytes: MOST_CONFIG_BYTES })).toString('utf8')
  const refuse = (why: string, cause?: unknown) =>
    new PareError(`${basename(path)}: ${name} is not ${why}.`, {
      hint: 'correct it, or name the ONNX file instead of the folder.',
      cause,
    })
  try {
    const value = parseJson(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch (cause) {
    throw refuse(`JSON (${(cause as Error).message})`, cause)
  }
  throw refuse('an object in JSON')
}

/** By the architecture in config.json. */
async function predictsText(path: string): Promise<boolean> {
  const { architectures } = (await readConfig(path, 'config.json')) as { architectures?: unknown }
  return /CausalLM|LMHead|ConditionalGeneration/.test(JSON.stringify(architectures ?? ''))
}

/** The models that genai_config.json names. */
async function genaiModels(path: string, onnx: readonly string[]): Promise<readonly string[]> {
  const config = await readConfig(path, 'genai_config.json')
  const { model } = config as { model?: Readonly<Record<string, { filename?: unknown } | undefined>> }
  const names = ['encoder', 'decoder'].map((part) => model?.[part]?.filename).filter((file) => typeof file === 'string')
  const missing = names.find((file) => !onnx.includes(file))
  if (names.length > 0 && missing === undefined) return names
  throw new PareError(
    `${basename(path)}: genai_config.json ${missing === undefined ? 'names no model.decoder.filename' : `names ${JSON.stringify(missing)}, and there is no such file in the folder`}.`,
    { hint: 'correct genai_config.json, or name the ONNX file instead of the folder.' },
  )
}

/** Whether a model is another part of the whole, such as embed_tokens.onnx, and no variant of one. */
function isPart(
  file: string,
  { models, onnx, genai }: { readonly models: readonly string[]; readonly onnx: readonly string[]; readonly genai: boolean },
): boolean {
  const stem = stemOf(file)
  const bare = stem.replace(VARIANT, '')
  if (folderOf(file) !== folderOf(models[0]!) || (!genai && models.some((model) => stemOf(model) === 'model'))) return false
  if (/^decoder_(model|with_past_model|model_merged)$/.test(bare)) return false
  return bare === stem || !onnx.includes(`${folderOf(file)}${bare}.onnx`)
}

/** Data and configs of ours that lie beside a model. */
const DATA = /(\.(jsonl|csv|tsv|parquet|arrow|feather|npy|plan\.json)|^pare\.(config|lock)\.\w+)$/

/** The folder without what lies below a path: what is written there is none of it. */
export function outside(folder: ModelFolder, path: string): ModelFolder {
  const below = `${relative(folder.path, path).split(sep).join('/')}/`
  const isOther = (file: string) => !file.startsWith(below)
  return { ...folder, companions: folder.companions.filter(isOther), left: folder.left.filter((file) => isOther(file.path)) }
}

/** Whether a file holds external data of a model, by its name. */
function isDataOf(file: string, model: string): boolean {
  return file.startsWith(model) && /^[._]data([._]\d{1,4})?$/.test(file.slice(model.length))
}

/** Weights, by what the run times that read them call them. */
function isWeights(file: string): boolean {
  const formats =
    /\.(onnx|onnx[._]data([._]\d+)?|ort|safetensors|bin|pt|pth|ckpt|h5|msgpack|gguf|ggml|ot|tflite|pb|mlmodel|weight|npz|data|engine|pdparams)$/
  return formats.test(file) || /\.(safetensors|bin)\.index\.json$/.test(file)
}

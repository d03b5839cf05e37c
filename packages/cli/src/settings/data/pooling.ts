import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Pooling, TextOptions } from '@pare/evaluate'
import { PareError, parseJson, present, readRegular } from '@pare/onnx'

/** How the folder of sentence-transformers that a model lies in makes one vector of a text. */
export interface FolderPooling {
  readonly pooling: Pooling
  /** The file that says so, as messages call it. */
  readonly source: string
  /** What it says of texts besides. */
  readonly text: Pick<TextOptions, 'length' | 'prompts' | 'lowerCase'>
}

/** In the folder of the model, and in the one above: exports lie in a folder `onnx`. */
const PLACES = (model: string) => [dirname(model), dirname(dirname(model))]
const FILE = '1_Pooling/config.json'
const MOST_BYTES = 2 ** 20

/** The file that says how vectors are pooled, where there is one near the model. */
export function poolingFile(model: string): string | undefined {
  return PLACES(model)
    .map((folder) => join(folder, FILE))
    .find((path) => existsSync(path))
}

/**
 * What 1_Pooling/config.json near a model says, with modules.json beside it; undefined where there is none. Throws PareError for what Pare does not compute: other ways
 * to pool, and layers behind the pooling.
 */
export async function readPooling(model: string): Promise<FolderPooling | undefined> {
  const path = poolingFile(model)
  if (path === undefined) return undefined
  const root = dirname(dirname(path))
  refuseLayers(await readJson(join(root, 'modules.json')))
  const config: Partial<Record<string, unknown>> = { ...(await readJson(path)) }
  const pooling = poolingIn(config)
  const text = await textIn(root)
  if (text.prompts !== undefined && config.include_prompt === false && pooling === 'mean') {
    throw new PareError(`pairs=auto: ${FILE} leaves prompts out of the mean (include_prompt), which Pare does not compute.`, {
      hint: 'write pairs=mean to measure without prompts.',
    })
  }
  return { pooling, source: FILE, text }
}

/** Columns that hold what is looked for, and in what. */
const QUERIES = ['query', 'question'] as const
const DOCUMENTS = ['passage', 'answer', 'positive'] as const

/** How long texts may be and what stands before them, by sentence_bert_config.json and config_sentence_transformers.json. */
async function textIn(root: string): Promise<FolderPooling['text']> {
  const read = async (name: string): Promise<Partial<Record<string, unknown>>> => ({ ...(await readJson(join(root, name))) })
  const { max_seq_length: length, do_lower_case: lowers } = await read('sentence_bert_config.json')
  const { prompts: named, default_prompt_name: usual } = await read('config_sentence_transformers.json')
  const all = new Map(Object.entries(named ?? {}).flatMap(([name, text]) => (typeof text === 'string' ? [[name, text]] : [])))
  const one = (...names: readonly unknown[]) => names.flatMap((name) => all.get(String(name)) ?? [])[0]
  const [query, passage, other] = [one('query'), one('document', 'passage', 'corpus'), one(usual)]
  const of = (columns: readonly string[], prompt: string | undefined) => columns.map((name) => [name, prompt ?? other ?? ''])
  const prompts: Record<string, string> = Object.fromEntries([
    ...of(QUERIES, query),
    ...of(DOCUMENTS, passage),
    ['', other ?? ''],
  ])
  return present({
    length: Number.isInteger(length) && (length as number) > 1 ? (length as number) : undefined,
    prompts: Object.values(prompts).some((prompt) => prompt !== '') ? prompts : undefined,
    lowerCase: lowers === true ? true : undefined,
  })
}

/** Modules of sentence-transformers that change nothing in the cosine of two vectors, or are the model and its pooling. */
const HARMLESS = /(^|\.)(Transformer|Pooling|Normalize)$/

function refuseLayers(modules: unknown): void {
  if (!Array.isArray(modules)) return
  const names = modules.flatMap((each: { readonly type?: unknown } | null) => (typeof each?.type === 'string' ? each.type : []))
  const other = names.find((name) => !HARMLESS.test(name))
  if (other === undefined) return
  throw new PareError(`pairs=auto: modules.json has a module ${other} behind the pooling, which Pare does not compute.`, {
    hint: "export the model with it (optimum-cli export onnx --task sentence-similarity), and write pairs=output with the output 'sentence_embedding'.",
  })
}

/** What sentence-transformers calls the ways to pool, and what they are here. The mean over √n points where the mean does, and only the angle counts. */
const MODES: Readonly<Record<string, Pooling>> = {
  cls_token: 'cls',
  cls: 'cls',
  mean_tokens: 'mean',
  mean: 'mean',
  mean_sqrt_len_tokens: 'mean',
  mean_sqrt_len: 'mean',
  max_tokens: 'max',
  max: 'max',
  lasttoken: 'last',
}

function poolingIn(config: object): Pooling {
  const modes = modesIn(config)
  const [mode, other] = modes
  const pooling = mode === undefined || other !== undefined || !Object.hasOwn(MODES, mode) ? undefined : MODES[mode]
  if (pooling !== undefined) return pooling
  const problem =
    other !== undefined
      ? `puts ${modes.join(' and ')} side by side`
      : mode === undefined
        ? 'names no way to pool'
        : `pools by ${mode}`
  throw new PareError(`pairs=auto: ${FILE} ${problem}, which Pare does not compute.`, {
    hint: `expected one of ${Object.keys(MODES).join(', ')}. Export the model with its pooling, and write pairs=output with the output 'sentence_embedding'.`,
  })
}

/** `pooling_mode_mean_tokens: true`, and so on; later versions write `pooling_mode: 'mean'`. */
function modesIn(config: object): readonly string[] {
  const prefix = 'pooling_mode_'
  const flags = Object.entries(config).flatMap(([key, value]) =>
    key.startsWith(prefix) && value === true ? [key.slice(prefix.length)] : [],
  )
  const { pooling_mode: named } = config as { readonly pooling_mode?: unknown }
  const written = Array.isArray(named) ? named.map(String) : typeof named === 'string' ? named.split('+') : []
  return flags.length > 0 ? flags : written
}

/** Undefined where there is no such file. */
async function readJson(path: string): Promise<object | undefined> {
  if (!existsSync(path)) return undefined
  const text = (await readRegular(path, { what: path, maxBytes: MOST_BYTES })).toString('utf8')
  const refuse = (why: string, cause?: unknown) =>
    new PareError(`${path} is not JSON that sentence-transformers writes (${why}).`, {
      hint: 'correct it, or say how vectors are made: pairs=mean, cls, max, last or output.',
      cause,
    })
  try {
    const value = parseJson(text)
    if (typeof value === 'object' && value !== null) return value
  } catch (cause) {
    throw refuse((cause as Error).message, cause)
  }
  throw refuse('it is no object')
}

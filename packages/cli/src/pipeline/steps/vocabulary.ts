import { basename } from 'node:path'
import type { Batch, RenamedComparison, TextOptions } from '@pare/evaluate'
import { formatCount } from '@pare/gate'
import { type Model, PareError, parseJson, readRegular } from '@pare/onnx'
import {
  applyVocabulary,
  findVocabulary,
  idsNamedIn,
  keptIds,
  keptOf,
  listedIds,
  newIds,
  renumbered,
  renumberedConfig,
  tokenizerOf,
  type VocabularyStep,
  vocabularyStep,
} from '@pare/vocabulary'
import { inputsOf } from '../../engine/forward.js'
import { childOf, type Work } from '../../engine/work.js'
import { Failure } from '../../terminal/failure.js'

/** Texts that a vocabulary is to be made for. */
export interface Corpus {
  /** Absolute paths. */
  readonly data: readonly string[]
  readonly text: TextOptions
  /** Absolute paths of lists of what is to stay besides. */
  readonly keep: readonly string[]
}

/** One file of a language model with the tokens that a corpus needs. */
export interface SmallerModel {
  readonly model: Model
  readonly step: VocabularyStep
}

/** A language model with the tokens that a corpus needs. */
export interface SmallerVocabulary {
  /** Of each file. */
  readonly models: readonly SmallerModel[]
  /** Of tokenizer.json. */
  readonly tokenizer: string
  /** Tokens that the corpus holds, and those of them that differ. */
  readonly counts: {
    readonly tokens: number
    readonly used: number
    /** By lists. */
    readonly listed: number
    readonly kept: number
    readonly before: number
  }
  /** A config with new ids: config.json, tokenizer_config.json and such. Undefined where nothing in it changes. */
  edited(config: unknown): string | undefined
}

const BATCH = 64
const MOST_TOKENIZER = 2 ** 28
const MOST_CONFIG = 2 ** 24
const MOST_LIST = 2 ** 24

/**
 * Reads the corpus, and decides which tokens stay: those that it uses, those that `configs` name by their meaning (paths of JSON files) and those that the model
 * compares ids with. All files of a model keep the same. Throws PareError where a model or a tokenizer is none that can be made smaller.
 */
export async function shrinkVocabulary(
  { models, corpus, configs }: { models: readonly NamedModel[]; corpus: Corpus; configs: readonly string[] },
  { signal, progress, label }: Work,
): Promise<SmallerVocabulary> {
  const { size, compared } = await commonVocabulary(models)
  const tokenizer = tokenizerOf(await jsonIn(corpus.text.tokenizer, MOST_TOKENIZER), basename(corpus.text.tokenizer))
  const used = new Set<number>()
  let tokens = 0
  const activity = progress.begin(`${label}: reading the texts`)
  try {
    for (const file of corpus.data)
      for await (const ids of idsIn(file, { ...models[0]!, corpus })) {
        signal.throwIfAborted()
        tokens += ids.length
        for (const id of ids) used.add(Number(id))
      }
  } finally {
    activity.end()
  }
  const named = await Promise.all(configs.map(async (config) => idsNamedIn(await jsonIn(config, MOST_CONFIG))))
  const listed = new Set<number>()
  for (const path of corpus.keep) {
    const list = (await readRegular(path, { what: basename(path), maxBytes: MOST_LIST })).toString('utf8')
    for (const id of listedIds(tokenizer, list, basename(path))) listed.add(id)
  }
  const kept = keptIds(tokenizer, [...used, ...listed, ...named.flat(), ...compared])
  const beyond = [...used].find((id) => id >= size)
  if (beyond !== undefined)
    throw new PareError(`the tokenizer makes the id ${beyond}, and the model has ${size} tokens.`, {
      hint: 'give the tokenizer that belongs to the model: --tokenizer tokenizer.json',
    })
  const wanted = new Set([...kept].filter((id) => id >= 0))
  const smaller: SmallerModel[] = []
  for (const { model } of models) {
    const step = await vocabularyStep(model, wanted)
    smaller.push({ model: await applyVocabulary(model, step), step })
  }
  const staying = keptOf(smaller[0]!.step)
  const ids = newIds(staying)
  const sizes = { before: size, after: staying.length }
  return {
    models: smaller,
    tokenizer: `${JSON.stringify(renumbered(tokenizer, ids), null, 2)}\n`,
    counts: { tokens, used: used.size, listed: listed.size, kept: staying.length, before: size },
    edited(config) {
      const [before, after] = [JSON.stringify(config, null, 2), JSON.stringify(renumberedConfig(config, ids, sizes), null, 2)]
      return before === after ? undefined : `${after}\n`
    },
  }
}

/** A file of a language model. */
export interface NamedModel {
  readonly model: Model
  /** Absolute. */
  readonly path: string
}

/** Tokens of all files, and the ids that any of them compares with. Throws PareError where they have not as many. */
async function commonVocabulary(models: readonly NamedModel[]): Promise<{ size: number; compared: readonly number[] }> {
  const tables: { path: string; size: number; compared: readonly number[] }[] = []
  for (const { model, path } of models) {
    const { size, compared } = await findVocabulary(model).catch((error: unknown) => {
      if (!(error instanceof PareError)) throw error
      throw new PareError(`${basename(path)}: ${error.message}`, { hint: error.hint, cause: error })
    })
    tables.push({ path, size, compared: compared.flatMap(({ ids }) => ids) })
  }
  const [first, ...others] = tables as [(typeof tables)[number], ...typeof tables]
  const other = others.find(({ size }) => size !== first.size)
  if (other === undefined) return { size: first.size, compared: tables.flatMap(({ compared }) => compared) }
  throw new PareError(
    `${basename(first.path)} has ${first.size} tokens, and ${basename(other.path)} ${other.size}: they share no tokenizer.`,
    { hint: 'name one of the files, with its own tokenizer.json: --tokenizer tokenizer.json' },
  )
}

/** A JSON file as it is. Throws PareError where it is none. */
export async function jsonIn(path: string, maxBytes = MOST_CONFIG): Promise<unknown> {
  const text = (await readRegular(path, { what: basename(path), maxBytes })).toString('utf8')
  try {
    return parseJson(text)
  } catch (cause) {
    throw new PareError(`${path} is not JSON (${(cause as Error).message}).`, { hint: 'write it anew, or leave it out.', cause })
  }
}

async function* idsIn(
  file: string,
  { model, path, corpus }: { readonly model: Model; readonly path: string; readonly corpus: Corpus },
): AsyncGenerator<Batch['inputs'][string]['data']> {
  const { openData } = await import('@pare/evaluate')
  const data = await openData(file, { inputs: inputsOf(model), trusted: true, models: [path], text: corpus.text })
  for await (const { inputs, tokens } of data.batches(BATCH)) {
    if (tokens === undefined)
      throw new PareError(`${file}: no texts.`, { hint: 'give a text file, or a table with a column of texts.' })
    yield inputs[tokens]!.data
  }
}

/** The model with its tokenizer, as written, beside the original with its own: all texts as tokens, and some windows of them as numbers. */
export interface RenamingProof {
  readonly reference: { readonly model: string; readonly text: TextOptions }
  readonly other: { readonly model: string; readonly text: TextOptions }
  readonly corpus: Corpus
  readonly step: VocabularyStep
  readonly windows: number
}

/** Of random numbers' rounding, when a product with fewer columns is blocked otherwise. */
const TOLERANCE = 1e-5

/** Throws a Failure where a text becomes other tokens, or the numbers are others. */
export async function proveVocabulary(
  { reference, other, corpus, step, windows }: RenamingProof,
  { signal, progress, label, engine }: Work,
): Promise<RenamedComparison> {
  const activity = progress.begin(`${label}: proving that texts are read the same`)
  const { compareRenamedModels } = await import('@pare/evaluate')
  try {
    const request = { reference, other, data: corpus.data, kept: keptOf(step), units: step.units, windows }
    const renamed = await compareRenamedModels(request, { signal, ...childOf(engine) })
    const { first, outputs } = renamed
    if (first !== undefined)
      throw new Failure(
        'infrastructure',
        `pare: ${label}: with fewer tokens, ${renamed.different} of ${renamed.windows} texts are read otherwise, the first near window ${first.window} of ${first.path}.`,
        {
          hint: 'nothing was written. Please report it with the tokenizer',
        },
      )
    if (!(outputs.relative <= TOLERANCE))
      throw new Failure(
        'infrastructure',
        `pare: ${label}: with fewer tokens the outputs differ by ${outputs.relative.toExponential(1)}.`,
        {
          hint: 'nothing was written. Please report it with the model',
        },
      )
    return renamed
  } finally {
    activity.end()
  }
}

/** '170 windows the same tokens; 428,715 numbers of 16 windows the same bit for bit' */
export function describeRenamed({ windows, outputs }: RenamedComparison): string {
  const counted = (count: number) => `${formatCount(count)} window${count === 1 ? '' : 's'}`
  const same =
    outputs.different === 0
      ? 'the same bit for bit'
      : `at most ${outputs.relative.toExponential(0)} apart (${formatCount(outputs.different)} in the last digits)`
  return `${counted(windows)} of text the same tokens; ${formatCount(outputs.numbers)} numbers of ${counted(outputs.windows)} ${same}`
}

import { basename, dirname } from 'node:path'
import { PareError } from '@pare/onnx'
import { besideFile } from '../labels/classes.js'
import type { WritingOptions } from '../questions/question.js'
import { BESIDE_TOKENIZER } from './beside-tokenizer.js'

/** Tokens that what a decoder writes begins with, and how it ends. */
export interface StartTokens {
  /** It is given, and no part of the answer. */
  readonly start: number
  /** What stands behind it and is no part of the answer either: a token, or the likeliest of several, as Whisper's language, task and that it notes no times. */
  readonly prefix: readonly (number | readonly number[])[]
  /** The first one of the answer, where it is not for the model to choose: the language of mBART, `<s>` of BART. */
  readonly forced?: number
  /** Whether the last token that an answer may have is one that ends it, as of BART: an answer that is cut off is one token shorter. */
  readonly isEndForced: boolean
  /** Tokens that are never written, and those that no answer begins with. */
  readonly suppressed: ReadonlySet<number>
  readonly suppressedFirst: ReadonlySet<number>
}

/**
 * As generation_config.json, config.json or genai_config.json beside the tokenizer say, the first that says it. Throws PareError where none does, and where they know no such
 * language or task.
 */
export async function startTokens(
  tokenizer: string,
  { trusted, writing = {} }: { readonly trusted: boolean; readonly writing?: WritingOptions | undefined },
): Promise<StartTokens> {
  const folder = dirname(tokenizer)
  const names = BESIDE_TOKENIZER.ends
  const files = await Promise.all(names.map((name) => besideFile<StartConfig>([folder], name, { trusted, root: folder })))
  const configs = files.flatMap((each) => (each === undefined ? [] : [{ ...each.content, ...each.content.model }]))
  const first = (key: keyof StartConfig) => configs.map((config) => config[key]).find((id) => typeof id === 'number')
  const all = (key: keyof StartConfig) =>
    new Set(numbersIn(configs.map((config) => config[key]).find((list) => numbersIn(list).length > 0)))
  const start = first('decoder_start_token_id') ?? first('bos_token_id')
  const spoken = spokenIn(configs)
  const isSpoken = spoken.languages.size > 0
  const forced = isSpoken
    ? first('forced_bos_token_id')
    : ((await languageToken(tokenizer, { trusted, writing })) ?? first('forced_bos_token_id'))
  const isEndForced = configs.some(
    ({ forced_eos_token_id: end }) => typeof end === 'number' || (Array.isArray(end) && end.length > 0),
  )
  if (typeof start === 'number') {
    return {
      ...{
        start,
        isEndForced,
        prefix: isSpoken ? spokenPrefix(spoken, writing, folder) : forcedPrefix(configs),
        ...(typeof forced === 'number' && { forced }),
      },
      ...{ suppressed: all('suppress_tokens'), suppressedFirst: all('begin_suppress_tokens') },
    }
  }
  throw new PareError(`${folder}: no decoder_start_token_id, the token that a decoder begins with.`, {
    hint: `expected it in ${names.join(', ')} beside ${tokenizer}: copy that of the model.`,
  })
}

interface StartConfig {
  readonly decoder_start_token_id?: unknown
  readonly bos_token_id?: unknown
  readonly forced_bos_token_id?: unknown
  readonly forced_eos_token_id?: unknown
  readonly forced_decoder_ids?: unknown
  readonly is_multilingual?: unknown
  readonly lang_to_id?: unknown
  readonly task_to_id?: unknown
  readonly no_timestamps_token_id?: unknown
  readonly suppress_tokens?: unknown
  readonly begin_suppress_tokens?: unknown
  readonly model?: StartConfig
}

/** What a model of speech in several languages knows, by name. */
interface SpokenTokens {
  readonly languages: ReadonlyMap<string, number>
  readonly tasks: ReadonlyMap<string, number>
  readonly untimed: readonly number[]
}

function spokenIn(configs: readonly StartConfig[]): SpokenTokens {
  const first = firstOf(configs)
  const isOne = first('is_multilingual') === false
  return {
    languages: isOne ? new Map() : idsIn(first('lang_to_id')),
    tasks: idsIn(first('task_to_id')),
    untimed: numbersIn([first('no_timestamps_token_id')]),
  }
}

/** As transformers begin: the language that is said or the likeliest, transcription unless another task is said, no times. */
function spokenPrefix(
  { languages, tasks, untimed }: SpokenTokens,
  { language, task }: WritingOptions,
  folder: string,
): StartTokens['prefix'] {
  const own = language === undefined ? [...languages.values()] : named(languages, language, { what: 'language', folder })
  const done = tasks.size === 0 && task === undefined ? [] : [named(tasks, task ?? 'transcribe', { what: 'task', folder })]
  return [own, ...done, ...untimed]
}

/** Whisper writes '<|de|>' for 'de'. */
function named(
  ids: ReadonlyMap<string, number>,
  name: string,
  { what, folder }: { readonly what: string; readonly folder: string },
): number {
  const id = ids.get(name) ?? ids.get(`<|${name}|>`)
  if (id !== undefined) return id
  const names = [...ids.keys()].map((each) => each.replace(/^<\|(.*)\|>$/, '$1'))
  throw new PareError(`${folder}: the model knows no ${what} '${name}'.`, {
    hint: names.length === 0 ? 'leave it out.' : `there are ${names.join(', ')}.`,
  })
}

/** What older files force, place by place. */
function forcedPrefix(configs: readonly StartConfig[]): StartTokens['prefix'] {
  const first = firstOf(configs)
  const languages = [...idsIn(first('lang_to_id')).values()]
  const forced = first('forced_decoder_ids')
  const places = (Array.isArray(forced) ? forced : []).filter(isPlace).sort(([a], [b]) => a - b)
  // Where it is not said which tokens are languages, all may be.
  return places.length > 0 ? places.map(([, id]) => id ?? languages) : numbersIn([first('no_timestamps_token_id')])
}

/** The token with which a translator is told its language, as NLLB ('deu_Latn'), mBART ('de_DE') and M2M100 ('__de__') have it. */
async function languageToken(
  tokenizer: string,
  { trusted, writing: { language, task } }: { readonly trusted: boolean; readonly writing: WritingOptions },
): Promise<number | undefined> {
  const folder = dirname(tokenizer)
  if (task !== undefined)
    throw new PareError(`${folder}: the model has no task '${task}': it is none of speech in several languages.`, {
      hint: 'leave the task out.',
    })
  if (language === undefined) return undefined
  const file = await besideFile<TokenizerFile>([folder], basename(tokenizer), { trusted, root: folder })
  const tokens = new Map((file?.content.added_tokens ?? []).map(({ content, id }) => [content, id]))
  const id = [language, `__${language}__`, `<|${language}|>`].map((token) => tokens.get(token)).find((each) => each !== undefined)
  if (id !== undefined) return id
  throw new PareError(`${folder}: the model knows no language '${language}'.`, {
    hint: `expected lang_to_id in generation_config.json, or a token of that name, such as 'deu_Latn' or 'de_DE', in ${basename(tokenizer)}; with one language leave it out.`,
  })
}

interface TokenizerFile {
  readonly added_tokens?: readonly { readonly id: number; readonly content: string }[]
}

function firstOf(configs: readonly StartConfig[]) {
  return (key: keyof StartConfig) => configs.map((config) => config[key]).find((value) => (value ?? undefined) !== undefined)
}

function idsIn(byName: unknown): ReadonlyMap<string, number> {
  const entries = typeof byName === 'object' && byName !== null ? Object.entries(byName) : []
  return new Map(entries.filter(([, id]) => numbersIn([id]).length === 1) as [string, number][])
}

function isPlace(value: unknown): value is readonly [place: number, id: number | null] {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    typeof value[0] === 'number' &&
    (value[1] === null || typeof value[1] === 'number')
  )
}

function numbersIn(list: unknown): readonly number[] {
  return Array.isArray(list) ? list.filter((id): id is number => Number.isInteger(id) && id >= 0) : []
}

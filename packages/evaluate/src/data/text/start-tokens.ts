import { dirname } from 'node:path'
import { PareError } from '@pare/onnx'
import { besideFile } from '../labels/classes.js'
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

/** As generation_config.json, config.json or genai_config.json beside the tokenizer say, the first that says it. Throws PareError where none does. */
export async function startTokens(tokenizer: string, { trusted }: { readonly trusted: boolean }): Promise<StartTokens> {
  const folder = dirname(tokenizer)
  const names = BESIDE_TOKENIZER.ends
  const files = await Promise.all(names.map((name) => besideFile<StartConfig>([folder], name, { trusted, root: folder })))
  const configs = files.flatMap((each) => (each === undefined ? [] : [{ ...each.content, ...each.content.model }]))
  const first = (key: keyof StartConfig) => configs.map((config) => config[key]).find((id) => typeof id === 'number')
  const all = (key: keyof StartConfig) =>
    new Set(numbersIn(configs.map((config) => config[key]).find((list) => numbersIn(list).length > 0)))
  const start = first('decoder_start_token_id') ?? first('bos_token_id')
  const forced = first('forced_bos_token_id')
  const isEndForced = configs.some(
    ({ forced_eos_token_id: end }) => typeof end === 'number' || (Array.isArray(end) && end.length > 0),
  )
  if (typeof start === 'number') {
    return {
      ...{ start, isEndForced, prefix: prefixIn(configs), ...(typeof forced === 'number' && { forced }) },
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

/** As transformers begin without being told a language or a task: the likeliest language, transcription, no times; else what older files force, place by place. */
function prefixIn(configs: readonly StartConfig[]): StartTokens['prefix'] {
  const first = (key: keyof StartConfig) =>
    configs.map((config) => config[key]).find((value) => (value ?? undefined) !== undefined)
  const languages = numbersIn(Object.values((first('lang_to_id') ?? {}) as object))
  const untimed = numbersIn([first('no_timestamps_token_id')])
  const task = numbersIn([((first('task_to_id') ?? {}) as Readonly<Record<string, unknown>>).transcribe])
  if (languages.length > 0 && first('is_multilingual') !== false) return [languages, ...task, ...untimed]
  const forced = first('forced_decoder_ids')
  const places = (Array.isArray(forced) ? forced : []).filter(isPlace).sort(([a], [b]) => a - b)
  // Where it is not said which tokens are languages, all may be.
  if (places.length > 0) return places.map(([, id]) => id ?? languages)
  return untimed
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

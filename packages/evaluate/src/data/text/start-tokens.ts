import { dirname } from 'node:path'
import { PareError } from '@pare/onnx'
import { besideFile } from '../labels/classes.js'
import { BESIDE_TOKENIZER } from './beside-tokenizer.js'

/** Tokens that what a decoder writes begins with, and how it ends. */
export interface StartTokens {
  /** It is given, and no part of the answer. */
  readonly start: number
  /** The first one of the answer, where it is not for the model to choose: the language of mBART, `<s>` of BART. */
  readonly forced?: number
  /** Whether the last token that an answer may have is one that ends it, as of BART: an answer that is cut off is one token shorter. */
  readonly isEndForced: boolean
}

/** As generation_config.json, config.json or genai_config.json beside the tokenizer say, the first that says it. Throws PareError where none does. */
export async function startTokens(tokenizer: string, { trusted }: { readonly trusted: boolean }): Promise<StartTokens> {
  const folder = dirname(tokenizer)
  const names = BESIDE_TOKENIZER.ends
  const files = await Promise.all(names.map((name) => besideFile<StartConfig>([folder], name, { trusted, root: folder })))
  const configs = files.flatMap((each) => (each === undefined ? [] : [{ ...each.content, ...each.content.model }]))
  const first = (key: keyof StartConfig) => configs.map((config) => config[key]).find((id) => typeof id === 'number')
  const start = first('decoder_start_token_id') ?? first('bos_token_id')
  const forced = first('forced_bos_token_id')
  const isEndForced = configs.some(
    ({ forced_eos_token_id: end }) => typeof end === 'number' || (Array.isArray(end) && end.length > 0),
  )
  if (typeof start === 'number') return { start, isEndForced, ...(typeof forced === 'number' && { forced }) }
  throw new PareError(`${folder}: no decoder_start_token_id, the token that a decoder begins with.`, {
    hint: `expected it in ${names.join(', ')} beside ${tokenizer}: copy that of the model.`,
  })
}

interface StartConfig {
  readonly decoder_start_token_id?: unknown
  readonly bos_token_id?: unknown
  readonly forced_bos_token_id?: unknown
  readonly forced_eos_token_id?: unknown
  readonly model?: StartConfig
}

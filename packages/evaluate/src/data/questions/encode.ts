import { PareError } from '@pare/onnx'
import type { OpenTokenizer } from '../text/tokenizer.js'

/** Encodes texts as a model is given them: behind what the tokenizer puts first, such as <s>, and without what it puts last. */
export interface PromptEncoder {
  encode(text: string): readonly number[]
  /** A text as an encoder is given it: also with what the tokenizer puts last, such as </s>. Of what is longer the end is left out. */
  encodeWhole(text: string, length: number): readonly number[]
  /** A text by itself, without special tokens. */
  encodePlain(text: string): readonly number[]
  /** A text and what goes on behind it, encoded together, as the LM Evaluation Harness does it: the tokens of the second are those beyond the number of the first's. */
  encodePair(context: string, continuation: string, where: string): { readonly ids: readonly number[]; readonly from: number }
}

export function promptEncoder({ tokenizer, idOf }: OpenTokenizer, { special }: { readonly special: boolean }): PromptEncoder {
  const plain = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids
  const first = special ? firstTokens(tokenizer.encode(SAMPLE, { add_special_tokens: true }).ids, plain(SAMPLE)) : []
  const encode = (text: string) => [...first, ...plain(text)]
  return {
    encode,
    encodePlain: plain,
    encodeWhole(text, length) {
      const { ids } = tokenizer.encode(text, { add_special_tokens: special })
      return ids.length <= length ? ids : [...ids.slice(0, length - 1), ids.at(-1)!]
    },
    encodePair(context, continuation, where) {
      const before = context.trimEnd()
      const spaces = context.slice(before.length)
      const [ids, from] = [encode(before + spaces + continuation), encode(before).length]
      if (ids.length <= from)
        throw new PareError(`${where}: choice ${JSON.stringify(continuation)} makes no token of its own.`, {
          hint: 'leave the row out, or take another tokenizer.',
        })
      if (from > 0) return { ids, from }
      // The first token of all is predicted from one that begins or ends texts.
      const begin = idOf('bos_token') ?? idOf('eos_token')
      if (begin !== undefined) return { ids: [begin, ...ids], from: 1 }
      throw new PareError(`${where}: nothing stands before the choices, and the tokenizer has no token that begins a text.`, {
        hint: 'give each question a context, or a tokenizer_config.json with bos_token beside the tokenizer.',
      })
    },
  }
}

const SAMPLE = 'a'

/** What stands before the tokens of a text where special ones are added. */
function firstTokens(all: readonly number[], own: readonly number[]): readonly number[] {
  const at = all.findIndex((_, start) => own.every((id, i) => all[start + i] === id))
  return all.slice(0, Math.max(0, at))
}

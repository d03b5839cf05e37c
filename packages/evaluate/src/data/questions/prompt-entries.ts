import { PareError } from '@pare/onnx'
import type { Row } from '../tables/table.js'
import type { OpenTokenizer } from '../text/tokenizer.js'
import type { PromptEncoder } from './encode.js'
import { type Examples, withExamples } from './examples.js'
import { type PromptNames, type PromptRow, promptFormOf, promptRowsOf } from './prompt-forms.js'
import { type AskedEntry, MAX_TOKENS, type WritingOptions } from './question.js'

interface PromptEncoding extends PromptNames {
  readonly opened: OpenTokenizer
  readonly encoder: PromptEncoder
  /** Tokens that a model is given at most, with the answer. */
  readonly length: number
  readonly writing?: WritingOptions
  readonly examples?: Examples
  /** Of an encoder with its decoder: the token that what is written begins with. */
  readonly start?: number
}

/** Reads rows as prompts, as the first row is. What leaves no room for an answer loses its beginning. */
export function promptEntries(head: Row, { opened, encoder, length, writing, examples, start, ...names }: PromptEncoding) {
  const form = promptFormOf(head, names)
  const { hasTemplate, tokenizer, render } = opened
  const { maxTokens = MAX_TOKENS } = writing ?? {}
  const isApart = start !== undefined
  const room = isApart ? length : length - maxTokens
  if (!(room >= 1)) {
    throw new PareError(`text: answers of ${maxTokens} tokens, and the model is given ${length} at once.`, {
      hint: `make the answers shorter: --max-tokens ${Math.max(1, Math.floor(length / 2))}.`,
    })
  }
  const answered = (row: Row) => examples?.for(row).flatMap((example) => promptRowsOf(example, form, { hasTemplate })) ?? []
  const encode = async (prompt: PromptRow['prompt'], { where, values: { tools } }: Row) =>
    typeof prompt === 'string'
      ? isApart
        ? encoder.encodeWhole(prompt, Number.POSITIVE_INFINITY)
        : encoder.encode(prompt)
      : tokenizer.encode(await render(prompt, where, { isAsking: true, tools }), { add_special_tokens: false }).ids
  return {
    // Answers of one conversation belong together.
    ...(form.kind === 'messages' && { group: 'conversation' }),
    entries: async (row: Row): Promise<readonly AskedEntry[]> => {
      const before = answered(row)
      return Promise.all(
        promptRowsOf(row, form, { hasTemplate }).map(async (asked) => {
          const ids = await encode(withExamples(asked.prompt, before), row)
          if (ids.length === 0)
            throw new PareError(`${row.where}: the tokenizer makes no token of the prompt.`, { hint: 'leave the row out.' })
          const cut = Math.max(0, ids.length - room)
          // What an encoder reads keeps its end token.
          const tokens = isApart && cut > 0 ? [...ids.slice(0, room - 1), ids.at(-1)!] : ids.slice(cut)
          const prompt = { ids: tokens, expected: asked.expected }
          return { text: asked.text, asked: { prompt }, length: tokens.length + (isApart ? 0 : maxTokens), isShortened: cut > 0 }
        }),
      )
    },
  }
}

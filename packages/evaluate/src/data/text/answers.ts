import { PareError } from '@pare/onnx'
import { assistantSpans } from './assistant-spans.js'
import type { AnsweredPrompt, Conversation } from './text-fields.js'
import type { OpenTokenizer } from './tokenizer.js'

/** Token ids, with those that count as what a model has to predict. */
export interface CountedTokens {
  readonly ids: readonly number[]
  /** u8[ids], 1 where a token counts. Absent: all do. */
  readonly counts?: Uint8Array
}

interface Encoding {
  /** Whether the tokenizer adds its special tokens. */
  readonly special: boolean
  readonly where: string
}

/**
 * A prompt with its answer behind it, as one text: the tokens of the answer count. Where a token stands over the border it belongs to the answer, since
 * the prompt alone has other tokens there.
 */
export function answeredTokens(
  { prompt, answer }: AnsweredPrompt,
  { tokenizer }: Pick<OpenTokenizer, 'tokenizer'>,
  { special, where }: Encoding,
): CountedTokens {
  if (answer === '') throw noAnswer(where, 'an empty answer')
  const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: special }).ids
  const ids = encode(prompt + answer)
  const from = commonLength(encode(prompt), ids)
  return { ids, counts: new Uint8Array(ids.length).fill(1, from) }
}

/**
 * A conversation as the chat template writes it: the tokens of the assistant count, see `assistantSpans`.
 */
export async function conversationTokens(
  conversation: Conversation,
  opened: Pick<OpenTokenizer, 'tokenizer' | 'render' | 'renderMarked'>,
  where: string,
): Promise<CountedTokens> {
  const encode = (text: string) => opened.tokenizer.encode(text, { add_special_tokens: false }).ids
  const text = await opened.render(conversation.messages, where, { tools: conversation.tools })
  const ids = encode(text)
  const counts = new Uint8Array(ids.length)
  for (const { from, to } of await assistantSpans(conversation, text, { tokenizer: opened, where }))
    counts.fill(1, commonLength(encode(text.slice(0, from)), ids), commonLength(encode(text.slice(0, to)), ids))
  if (!counts.includes(1)) throw noAnswer(where, 'a conversation without a message of the assistant')
  return { ids, counts }
}

function noAnswer(where: string, what: string): PareError {
  return new PareError(`${where}: ${what}, so no token of it counts.`, { hint: 'leave the row out.' })
}

function commonLength(one: readonly number[], other: readonly number[]): number {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  return length
}

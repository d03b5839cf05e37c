import { PareError } from '@pare/onnx'
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
 * A conversation as the chat template writes it: the tokens of the assistant count, from where the template leaves off to have an answer generated, to the end
 * of the message with what ends it. Throws PareError where the template writes what came before otherwise once a conversation goes on.
 */
export async function conversationTokens(
  { messages, context }: Conversation,
  { tokenizer, render }: Pick<OpenTokenizer, 'tokenizer' | 'render'>,
  where: string,
): Promise<CountedTokens> {
  const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids
  const text = await render(messages, where)
  const ids = encode(text)
  const counts = new Uint8Array(ids.length)
  for (const [index, { role }] of messages.entries()) {
    if (role !== 'assistant' || index < context) continue
    const before = await render(messages.slice(0, index), where, { isAsking: true })
    const after = (await render(messages.slice(0, index + 1), where)).trimEnd()
    if (!text.startsWith(before) || !text.startsWith(after)) {
      throw new PareError(
        `${where}: the chat_template writes message ${index + 1} otherwise within this conversation than at its end, so which tokens are the assistant's does not show.`,
        {
          hint: 'give each answer a conversation of its own, with the messages before it as "prompt" and it as "completion", both lists of messages.',
        },
      )
    }
    counts.fill(1, commonLength(encode(before), ids), commonLength(encode(after), ids))
  }
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

import { PareError } from '@pare/onnx'
import type { Conversation } from './text-fields.js'
import type { Message, OpenTokenizer } from './tokenizer.js'

/** A stretch of a text, in characters. */
export interface TextSpan {
  readonly from: number
  readonly to: number
}

type Render = Pick<OpenTokenizer, 'render' | 'renderMarked'>

/**
 * Where a conversation is the assistant's, once the chat template has written it: as the template's own `{% generation %}` says, else from where it leaves off to have an
 * answer generated to the end of the message with what ends it, else, where it writes a message otherwise once others follow (as those that leave out earlier thoughts do), what is left of the message with
 * what ends it. Messages before `context` are none of it. Throws PareError where none of this shows.
 */
export async function assistantSpans(
  { messages, context, tools }: Conversation,
  text: string,
  { tokenizer, where }: { readonly tokenizer: Render; readonly where: string },
): Promise<readonly TextSpan[]> {
  const own = messages.flatMap(({ role }, index) => (role === 'assistant' ? [index] : []))
  const marked = await tokenizer.renderMarked(messages, where, { tools })
  if (marked?.text === text && marked.spans.length === own.length)
    return marked.spans.filter((_, i) => own[i]! >= context && own[i]! > 0)
  const spans: TextSpan[] = []
  for (const index of own.filter((each) => each >= context)) {
    const before = await tokenizer.render(messages.slice(0, index), where, { isAsking: true, tools })
    const after = (await tokenizer.render(messages.slice(0, index + 1), where, { tools })).trimEnd()
    if (text.startsWith(before) && text.startsWith(after)) spans.push({ from: before.length, to: after.length })
    else spans.push(await spanWithin(text, { messages, index, tools }, { tokenizer, where }))
  }
  return spans
}

/** A content that no message has. */
const OTHER = '\uE002other\uE002'

/** What of a text changes with the content of a message, and what ends it. */
async function spanWithin(
  text: string,
  { messages, index, tools }: { readonly messages: readonly Message[]; readonly index: number; readonly tools: unknown },
  { tokenizer, where }: { readonly tokenizer: Render; readonly where: string },
): Promise<TextSpan> {
  if (typeof messages[index]!.content === 'string') {
    const { reasoning_content: _, ...message } = messages[index]!
    const replaced = messages.with(index, { ...message, content: OTHER })
    const span = difference(text, await tokenizer.render(replaced, where, { tools }))
    const last = await tokenizer.render(messages.slice(0, index + 1), where, { tools })
    const alone = difference(last, await tokenizer.render(replaced.slice(0, index + 1), where, { tools }))
    if (span !== undefined && alone !== undefined) {
      const end = last.slice(alone.to).trimEnd()
      return { from: span.from, to: text.startsWith(end, span.to) ? span.to + end.length : span.to }
    }
  }
  throw new PareError(
    `${where}: the chat_template writes message ${index + 1} otherwise within this conversation than at its end, so which tokens are the assistant's does not show.`,
    {
      hint: 'give each answer a conversation of its own, with the messages before it as "prompt" and it as "completion", both lists of messages.',
    },
  )
}

/** Where a text is another than one with other content. Undefined: the content is in it nowhere, or in several places. */
function difference(text: string, other: string): TextSpan | undefined {
  if (other.split(OTHER).length !== 2) return undefined
  const from = other.indexOf(OTHER)
  const to = text.length - (other.length - from - OTHER.length)
  return to > from && text.startsWith(other.slice(0, from)) && text.endsWith(other.slice(from + OTHER.length))
    ? { from, to }
    : undefined
}

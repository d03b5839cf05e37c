import { PareError } from '@pare/onnx'
import type { Row } from '../tables/table.js'
import { alpacaPrompt, instructionIn, isMessages } from '../text/text-fields.js'
import type { Message } from '../text/tokenizer.js'

/** What is to be answered, and what is expected: one or more ways to write it. */
export interface PromptRow {
  /** A text, or what was said before the answer. */
  readonly prompt: string | readonly Message[]
  readonly expected: readonly string[]
  /** As reports show it. */
  readonly text: string
}

/** What a row is read by. */
export interface PromptForm {
  readonly kind: 'messages' | 'prompt' | 'instruction' | 'question'
  /** The field of the prompt. */
  readonly field: string
  /** The field of the answer. */
  readonly answer: string
}

export interface PromptNames {
  /** The field of the answer, and of the prompt, where the user names them. */
  readonly label?: string
  readonly field?: string
}

const ANSWERS = ['completion', 'answers', 'answer', 'output', 'target', 'label']

/** What rows like this one are read by. Throws PareError where it holds no prompt with an answer. */
export function promptFormOf({ where, values }: Row, { label, field }: PromptNames): PromptForm {
  const answer = label ?? ANSWERS.find((name) => values[name] !== undefined)
  if (field === undefined && isMessages(values.messages)) return { kind: 'messages', field: 'messages', answer: 'messages' }
  const prompt = field ?? ['prompt', 'instruction', 'question', 'text'].find((name) => values[name] !== undefined)
  if (prompt !== undefined && answer !== undefined) {
    const kind = prompt === 'instruction' || prompt === 'question' ? prompt : 'prompt'
    return { kind, field: prompt, answer }
  }
  throw new PareError(`${where}: no prompt with an answer; found ${Object.keys(values).join(', ') || 'nothing'}.`, {
    hint: 'expected messages; prompt and completion, answer or answers; instruction, input and output; or question and answer. Name others: --label for the field of the answer, field for that of the prompt.',
  })
}

/** The prompts of a row: of a conversation one for each answer of the assistant. `hasTemplate`: whether conversations are written by a chat template. */
export function promptRowsOf(
  row: Row,
  form: PromptForm,
  { hasTemplate }: { readonly hasTemplate: boolean },
): readonly PromptRow[] {
  const { where, values } = row
  if (form.kind === 'messages') return turnsOf(messagesIn(row, form.field), { where, from: 0 })
  const prompt = values[form.field]
  const answer = values[form.answer]
  if (isMessages(prompt)) {
    if (isMessages(answer)) return turnsOf([...prompt, ...answer], { where, from: prompt.length })
    return [{ prompt, expected: waysIn(answer, form.answer, where), text: lastOf(prompt) }]
  }
  if (typeof prompt !== 'string' || prompt === '') throw noText(where, form.field, prompt)
  const expected = waysIn(answer, form.answer, where)
  const asking = (text: string) => (hasTemplate ? [{ role: 'user', content: text }] : undefined)
  if (form.kind === 'instruction') {
    const { input } = instructionIn({ where, values: { ...values, output: expected[0] } })
    const asked = asking(input === '' ? prompt : `${prompt}\n\n${input}`)
    return [{ prompt: asked ?? alpacaPrompt({ prompt, input }), expected, text: prompt }]
  }
  if (form.kind === 'question') {
    const { context } = values
    const about = typeof context === 'string' && context !== '' ? context : undefined
    const asked = asking(about === undefined ? prompt : `${about}\n\n${prompt}`)
    const plain = about === undefined ? `Question: ${prompt}\nAnswer:` : `Background: ${about}\n\nQuestion: ${prompt}\n\nAnswer:`
    return [{ prompt: asked ?? plain, expected, text: prompt }]
  }
  return [{ prompt, expected, text: prompt }]
}

function messagesIn({ where, values }: Row, field: string): readonly Message[] {
  const messages = values[field]
  if (isMessages(messages)) return messages
  throw noText(where, field, messages)
}

/** A prompt for each answer of the assistant from `from` on, behind all that was said before. */
function turnsOf(
  messages: readonly Message[],
  { where, from }: { readonly where: string; readonly from: number },
): readonly PromptRow[] {
  const turns = messages.flatMap(({ role, content }, index) =>
    role === 'assistant' && index >= from && index > 0 ? [{ index, content }] : [],
  )
  if (turns.length === 0) {
    throw new PareError(`${where}: a conversation without an answer of the assistant.`, { hint: 'leave the row out.' })
  }
  return turns.map(({ index, content }) => {
    const prompt = messages.slice(0, index)
    return { prompt, expected: waysIn(content, `content of message ${index + 1}`, where), text: lastOf(prompt) }
  })
}

function lastOf(messages: readonly Message[]): string {
  return String(messages.at(-1)?.content ?? '')
}

/** One way to write the answer, or several: a list, or what SQuAD has, a list within `text`. */
function waysIn(value: unknown, field: string, where: string): readonly string[] {
  const list = Array.isArray(value) ? value : ((value as { text?: unknown } | null | undefined)?.text ?? [value])
  const ways = (Array.isArray(list) ? list : [list]).map((way) =>
    typeof way === 'number' || typeof way === 'bigint' ? String(way) : way,
  )
  if (ways.length > 0 && ways.every((way): way is string => typeof way === 'string' && way.trim() !== ''))
    return ways.map((way) => way.trim())
  throw noText(where, field, value)
}

function noText(where: string, field: string, value: unknown): PareError {
  return new PareError(`${where}: '${field}' is ${JSON.stringify(value) ?? 'missing'}, expected text.`, {
    hint: 'correct the row, or leave it out.',
  })
}

import { PareError } from '@pare/onnx'
import { isChoiceRow } from '../questions/choice-forms.js'
import { isPromptRow } from '../questions/prompt-row.js'
import type { Row } from '../tables/table.js'
import type { Message } from './tokenizer.js'
import { wordsIn } from './words.js'

/** Pairs of texts as public data sets call them: the tokenizer joins them. */
export const PAIRS: readonly (readonly [string, string])[] = [
  ['text', 'text_pair'],
  ['premise', 'hypothesis'],
  ['sentence1', 'sentence2'],
  ['question1', 'question2'],
  ['question', 'sentence'],
  ['question', 'passage'],
  ['query', 'document'],
  ['query', 'passage'],
]

/** What a row of text is read by. Of conversations, completions and instructions only the answers count. */
export type TextFields =
  | { readonly kind: 'text'; readonly field: string }
  | { readonly kind: 'pair'; readonly fields: readonly [string, string] }
  | { readonly kind: 'messages' }
  | { readonly kind: 'completion' }
  | { readonly kind: 'instruction' }
  | { readonly kind: 'words'; readonly field: string }

const MESSAGES = 'messages'

type Values = Readonly<Record<string, unknown>>

/** What rows like this one are read by. Throws PareError where it holds no text. */
export function fieldsOf({ where, values }: Row, field: string | undefined): TextFields {
  if (field !== undefined) return { kind: 'text', field }
  if (isMessages(values[MESSAGES])) return { kind: 'messages' }
  const pair = PAIRS.find((each) => each.every((name) => typeof values[name] === 'string'))
  if (pair !== undefined) return { kind: 'pair', fields: pair }
  if (isCompletion(values)) return { kind: 'completion' }
  if (isInstruction(values)) return { kind: 'instruction' }
  if (typeof values.text === 'string') return { kind: 'text', field: 'text' }
  const words = wordsIn(values)
  if (words !== undefined) return { kind: 'words', field: words }
  if (isChoiceRow(values)) throw choicesAsText(where)
  if (isPromptRow(values)) throw promptAsText(where)
  throw noText(where, 'text', values)
}

function choicesAsText(where: string): PareError {
  return new PareError(`${where}: a question with choices, which is no text to predict.`, {
    hint: 'where a model is measured, choose --metric choice-accuracy: how often it holds the right choice for the likeliest. Elsewhere give texts.',
  })
}

function promptAsText(where: string): PareError {
  return new PareError(`${where}: a prompt with its answer, and no 'completion' that goes on from it to the letter.`, {
    hint: 'where a model is measured, choose --metric word-f1 or exact-match, of what it writes. Elsewhere, and for perplexity, name the answer completion, with the space before it.',
  })
}

/** Whether columns of these names, that hold words, are text: of CSV, whose cells are all written in letters, only these are. */
export function isTextNames(isNamed: (name: string) => boolean): boolean {
  return [['text'], ['prompt', 'completion'], ['instruction', 'output'], ...PAIRS].some((names) => names.every(isNamed))
}

const isCompletion = ({ prompt, completion }: Values) =>
  (typeof prompt === 'string' && typeof completion === 'string') || (isMessages(prompt) && isMessages(completion))

const isInstruction = ({ instruction, output }: Values) => typeof instruction === 'string' && typeof output === 'string'

export function isMessages(value: unknown): value is readonly Message[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each?.role === 'string')
}

/** Messages, and how many of them are only context: what they hold of the assistant does not count. */
export interface Conversation {
  readonly messages: readonly Message[]
  readonly context: number
  /** What the assistant may call, as the chat template wants it. */
  readonly tools?: unknown
}

/** The messages of a row, where it holds any. Throws PareError where the first row held some, and this one does not. */
export function conversationIn({ where, values }: Row, { kind }: TextFields): Conversation | undefined {
  if (kind === 'messages') {
    const messages = values[MESSAGES]
    if (!isMessages(messages)) throw noText(where, MESSAGES, values)
    return { messages, context: 0, tools: values.tools }
  }
  const { prompt, completion } = values
  return kind === 'completion' && isMessages(prompt) && isMessages(completion)
    ? { messages: [...prompt, ...completion], context: prompt.length, tools: values.tools }
    : undefined
}

/** A text and the answer to it. */
export interface AnsweredPrompt {
  readonly prompt: string
  readonly answer: string
}

/** Prompt and completion, as they stand there. */
export function completionIn({ where, values }: Row): AnsweredPrompt {
  for (const name of ['prompt', 'completion']) if (typeof values[name] !== 'string') throw noText(where, name, values)
  return { prompt: values.prompt as string, answer: values.completion as string }
}

/** What is asked for by instruction and input, and the output. */
export function instructionIn({ where, values }: Row): AnsweredPrompt & { readonly input: string } {
  for (const name of ['instruction', 'output']) if (typeof values[name] !== 'string') throw noText(where, name, values)
  const { input = '' } = values
  if (typeof input !== 'string' && input !== null) throw noText(where, 'input', values)
  return { prompt: values.instruction as string, input: (input as string | null) ?? '', answer: values.output as string }
}

/** The prompt of Stanford Alpaca (2023), with and without an input, for tokenizers without a chat template. */
export function alpacaPrompt({ prompt, input }: { readonly prompt: string; readonly input: string }): string {
  const task = 'Below is an instruction that describes a task'
  const request = 'Write a response that appropriately completes the request.'
  return input === ''
    ? `${task}. ${request}\n\n### Instruction:\n${prompt}\n\n### Response:\n`
    : `${task}, paired with an input that provides further context. ${request}\n\n### Instruction:\n${prompt}\n\n### Input:\n${input}\n\n### Response:\n`
}

export function noText(where: string, field: string, values: Values): PareError {
  return new PareError(`${where}: '${field}' is ${JSON.stringify(values[field]) ?? 'missing'}, expected text.`, {
    hint: `found ${Object.keys(values).join(', ')}; name the field with the text.`,
  })
}

import { PareError, present } from '@pare/onnx'
import type { SampleEntry } from '../entries.js'
import { tokenInput } from '../fill.js'
import type { ModelValue } from '../model-value.js'
import type { DataArray, NdArray } from '../ndarray.js'
import { cellOf } from '../rows/columns.js'
import type { Boundary } from '../rows/inside.js'
import { arraysOf, type Sample } from '../rows/sample.js'
import type { Row, Table } from '../tables/table.js'
import { answeredTokens, type CountedTokens, conversationTokens } from './answers.js'
import {
  alpacaPrompt,
  completionIn,
  conversationIn,
  fieldsOf,
  instructionIn,
  isMessages,
  isTextNames,
  noText,
} from './text-fields.js'
import type { TextOptions } from './text-options.js'
import { openTokenizer } from './tokenizer.js'
import { cutWindows, type Window, windowSize } from './windows.js'
import { type LabelledWords, wordEncoder, wordsIn } from './words.js'

/** Rows that are what a model is given as it is used: the tokenizer adds its special tokens. */
const SPECIAL: ReadonlySet<string> = new Set(['pair', 'completion', 'instruction', 'words'])

/** Rows whose windows are those of one conversation. */
const CONVERSATIONS: ReadonlySet<string> = new Set(['messages', 'completion', 'instruction'])

export interface TextReader {
  /** The windows of a row, or one sample of a row with a label. */
  entries(row: Row, index: number): Promise<SampleEntry[]>
  readonly pad: number
  /** Whether they are filled up with or without a mask: windows, whose filling is not scored, and what the model takes in one length alone. */
  readonly isFilled: boolean
  /** Whether rows are cut into windows. */
  readonly isCut: boolean
  /** What the rows are, as the column of their groups is called. */
  readonly group: 'document' | 'conversation'
}

export interface TextPlace {
  readonly table: Table
  readonly first: Row
  readonly inputs: readonly ModelValue[]
  readonly label: string
  readonly boundary: Boundary
}

/** Whether rows like this one are text: they hold words, and no token ids. */
export function isTextRow(
  { values, cells }: Row,
  { inputs, label, field }: { inputs: readonly ModelValue[]; label: string; field: string | undefined },
): boolean {
  if (field !== undefined) return true
  const ids = tokenInput(inputs)
  if (ids !== undefined && values[ids] !== undefined) return false
  // Cells of CSV are all written in letters.
  if (cells !== undefined) return isTextNames((name) => typeof values[name] === 'string')
  if ('text' in values || wordsIn(values) !== undefined) return true
  return Object.entries(values).some(([name, value]) => name !== label && (typeof value === 'string' || isMessages(value)))
}

/** Turns rows into token ids. Without a label a row is cut into windows that predict their tokens; with one it is a single sample, cut at the length. */
export async function textReader(
  options: TextOptions,
  { table, first, inputs, label, boundary }: TextPlace,
): Promise<TextReader> {
  const input = targetOf(inputs, table.name)
  const fields = fieldsOf(first, options.field)
  const opened = await openTokenizer(options.tokenizer, boundary)
  const { tokenizer, pad } = opened
  const isLabelled = first.values[label] !== undefined
  const specialTokens = options.specialTokens ?? (isLabelled || SPECIAL.has(fields.kind))
  const { length, stride } = windowSize({ ...options, fixedLength: input.fixedLength })
  const isWords = fields.kind === 'words'
  const isCut = !isLabelled && fields.kind !== 'pair' && !isWords
  const wordsOf = isWords ? wordEncoder(opened, { special: specialTokens }) : undefined
  const group = CONVERSATIONS.has(fields.kind) ? 'conversation' : 'document'
  const takesTypes = inputs.some(({ name }) => name === 'token_type_ids')
  const encode = async (
    row: Row,
  ): Promise<CountedTokens & LabelledWords & { readonly types?: readonly number[] | undefined }> => {
    const { where, values } = row
    if (fields.kind === 'words') return wordsOf!(row, { field: fields.field, label, length })
    const special = { add_special_tokens: specialTokens }
    const conversation = conversationIn(row, fields)
    if (conversation !== undefined) return conversationTokens(conversation, opened, where)
    if (fields.kind === 'completion') return answeredTokens(completionIn(row), opened, { special: specialTokens, where })
    if (fields.kind === 'instruction') {
      const { prompt, input: more, answer } = instructionIn(row)
      if (!opened.hasTemplate)
        return answeredTokens({ prompt: alpacaPrompt({ prompt, input: more }), answer }, opened, {
          special: specialTokens,
          where,
        })
      const asked = { role: 'user', content: more === '' ? prompt : `${prompt}\n\n${more}` }
      return conversationTokens({ messages: [asked, { role: 'assistant', content: answer }], context: 0 }, opened, where)
    }
    if (fields.kind === 'messages') throw noText(where, 'messages', values)
    if (fields.kind === 'text') {
      const text = values[fields.field]
      if (typeof text !== 'string') throw noText(where, fields.field, values)
      return { ids: tokenizer.encode(text, special).ids }
    }
    const [text, pair] = fields.fields.map((field) => {
      const own = values[field]
      if (typeof own !== 'string') throw noText(where, field, values)
      return own
    }) as [string, string]
    const encoded = tokenizer.encode(text, { ...special, text_pair: pair, return_token_type_ids: true })
    return { ids: encoded.ids, types: encoded.token_type_ids }
  }
  return {
    ...{
      pad,
      isCut,
      isFilled: isCut || input.fixedLength !== undefined,
      group,
    },
    async entries(row, index) {
      const { ids, types, counts, label: ofWords } = await encode(row)
      if (!isCut && ids.length === 0)
        throw new PareError(`${row.where}: the tokenizer makes no token of the text.`, { hint: 'leave empty rows out.' })
      const windows = isCut ? cutWindows(ids, length, stride) : [{ ids: ids.slice(0, length), start: 0, from: 1 }]
      const columns = columnsOf(row, { group, index })
      // Of a conversation, stretches without a word of the assistant predict nothing.
      return windows
        .filter((window) => predicts(window, counts))
        .map((window) => {
          const arrays = new Map<string, DataArray>(arraysOfWindow(window, input.name, counts))
          if (takesTypes && types !== undefined) arrays.set('token_type_ids', integers(types.slice(0, length)))
          if (ofWords !== undefined) arrays.set(label, ofWords)
          else if (isLabelled) arrays.set(label, labelOf(row, { label, tokens: window.ids.length }))
          return { arrays, columns }
        })
    },
  }
}

function labelOf({ where, values }: Row, { label, tokens }: { label: string; tokens: number }): DataArray {
  const value = values[label]
  const number = typeof value === 'string' && value !== '' && Number.isFinite(Number(value)) ? Number(value) : value
  if (value === undefined || value === null || value === '')
    throw new PareError(`${where}: no '${label}', and the rows before have one.`, { hint: 'give each row a label, or none.' })
  const array = arraysOf({ [label]: number } as Sample, where).get(label)!
  if (array.shape.length > 0 && array.shape[0] !== tokens) {
    throw new PareError(`${where}: ${array.shape[0]} labels for ${tokens} tokens.`, {
      hint: 'labels of words have to be given to tokens first: write input_ids, attention_mask and labels, −100 for tokens that do not count.',
    })
  }
  return array
}

/** What a row holds besides is kept: answers, names, subjects. */
function columnsOf({ values }: Row, { group, index }: { group: string; index: number }): Record<string, string | number> {
  const columns: Record<string, string | number> = {}
  for (const [name, value] of Object.entries(values)) {
    const cell = cellOf(value)
    if (cell !== undefined && cell !== '' && cell !== values.text) columns[name] = cell
  }
  return { ...columns, [group]: index + 1 }
}

/** Whether a token that is not the first of its window counts. */
function predicts({ ids, start, from }: Window, counts: Uint8Array | undefined): boolean {
  return counts === undefined || counts.subarray(start + from, start + ids.length).includes(1)
}

function arraysOfWindow({ ids, start, from }: Window, input: string, counts: Uint8Array | undefined): [string, NdArray][] {
  const mask = new Uint8Array(ids.length).fill(1)
  const shape = [ids.length]
  const scored = new Uint8Array(ids.length)
  for (let at = from; at < ids.length; at++) scored[at] = counts?.[start + at] ?? 1
  return [
    [input, integers(ids)],
    ['attention_mask', { type: 'bool', shape, data: mask }],
    ['scored', { type: 'bool', shape, data: scored }],
  ]
}

function integers(values: readonly number[]): NdArray {
  return { type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) }
}

function targetOf(inputs: readonly ModelValue[], name: string): { name: string; fixedLength?: number } {
  const input = tokenInput(inputs)
  if (input === undefined) {
    throw new PareError(
      `${name}: text for a model without an input for token ids; it has ${inputs.map((one) => `'${one.name}'`).join(', ')}.`,
      {
        hint: 'text needs a model with an integer input [batch, sequence], input_ids for example.',
      },
    )
  }
  const length = inputs.find((one) => one.name === input)?.shape[1]
  return { name: input, ...present({ fixedLength: typeof length === 'number' ? length : undefined }) }
}

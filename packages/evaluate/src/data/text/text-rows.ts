import { PareError, present } from '@pare/onnx'
import { cellOf } from '../columns.js'
import type { SampleEntry } from '../entries.js'
import { tokenInput } from '../fill.js'
import type { Boundary } from '../inside.js'
import type { ModelValue } from '../model-value.js'
import type { DataArray, NdArray } from '../ndarray.js'
import { arraysOf, type Sample } from '../sample.js'
import type { Row, Table } from '../tables/table.js'
import type { TextOptions } from './text-options.js'
import { type Message, openTokenizer } from './tokenizer.js'
import { cutWindows, type Window, windowSize } from './windows.js'

/** Pairs of texts as public data sets call them: the tokenizer joins them. */
export const PAIRS: readonly (readonly [string, string])[] = [
  ['text', 'text_pair'],
  ['premise', 'hypothesis'],
  ['sentence1', 'sentence2'],
  ['question1', 'question2'],
  ['question', 'sentence'],
  ['question', 'passage'],
  ['query', 'document'],
]
const MESSAGES = 'messages'

/** What a row of text is read by. */
type TextFields =
  | { readonly kind: 'text'; readonly field: string }
  | { readonly kind: 'pair'; readonly fields: readonly [string, string] }
  | { readonly kind: 'messages' }

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
  if (cells !== undefined) return typeof values.text === 'string' || PAIRS.some((pair) => pair.every((name) => name in values))
  if ('text' in values) return true
  return Object.entries(values).some(([name, value]) => name !== label && (typeof value === 'string' || isMessages(value)))
}

/** Turns rows into token ids. Without a label a row is cut into windows that predict their tokens; with one it is a single sample, cut at the length. */
export async function textReader(
  options: TextOptions,
  { table, first, inputs, label, boundary }: TextPlace,
): Promise<TextReader> {
  const input = targetOf(inputs, table.name)
  const fields = fieldsOf(first, options.field)
  const { tokenizer, pad, render } = await openTokenizer(options.tokenizer, boundary)
  const isLabelled = first.values[label] !== undefined
  const specialTokens = options.specialTokens ?? (isLabelled || fields.kind === 'pair')
  const { length, stride } = windowSize({ ...options, fixedLength: input.fixedLength })
  const isCut = !isLabelled && fields.kind !== 'pair'
  const takesTypes = inputs.some(({ name }) => name === 'token_type_ids')
  const encode = async ({ where, values }: Row) => {
    const special = { add_special_tokens: specialTokens }
    if (fields.kind === 'messages') {
      const messages = values[MESSAGES]
      if (!isMessages(messages)) throw noText(where, MESSAGES, values)
      return { ids: tokenizer.encode(await render(messages, where), { add_special_tokens: false }).ids }
    }
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
      group: fields.kind === 'messages' ? 'conversation' : 'document',
    },
    async entries(row, index) {
      const { ids, types } = await encode(row)
      if (!isCut && ids.length === 0)
        throw new PareError(`${row.where}: the tokenizer makes no token of the text.`, { hint: 'leave empty rows out.' })
      const windows = isCut ? cutWindows(ids, length, stride) : [{ ids: ids.slice(0, length), from: 1 }]
      const columns = columnsOf(row, { group: fields.kind === 'messages' ? 'conversation' : 'document', index })
      return windows.map((window) => {
        const arrays = new Map<string, DataArray>(arraysOfWindow(window, input.name))
        if (takesTypes && types !== undefined) arrays.set('token_type_ids', integers(types.slice(0, length)))
        if (isLabelled) arrays.set(label, labelOf(row, { label, tokens: window.ids.length }))
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

function fieldsOf({ where, values }: Row, field: string | undefined): TextFields {
  if (field !== undefined) return { kind: 'text', field }
  if (isMessages(values[MESSAGES])) return { kind: 'messages' }
  const pair = PAIRS.find((each) => each.every((name) => typeof values[name] === 'string'))
  if (pair !== undefined) return { kind: 'pair', fields: pair }
  if (typeof values.text === 'string') return { kind: 'text', field: 'text' }
  throw noText(where, 'text', values)
}

function isMessages(value: unknown): value is readonly Message[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each?.role === 'string')
}

function noText(where: string, field: string, values: Readonly<Record<string, unknown>>): PareError {
  return new PareError(`${where}: '${field}' is ${JSON.stringify(values[field]) ?? 'missing'}, expected text.`, {
    hint: `found ${Object.keys(values).join(', ')}; name the field with the text.`,
  })
}

function arraysOfWindow({ ids, from }: Window, input: string): [string, NdArray][] {
  const mask = new Uint8Array(ids.length).fill(1)
  const shape = [ids.length]
  return [
    [input, integers(ids)],
    ['attention_mask', { type: 'bool', shape, data: mask }],
    ['scored', { type: 'bool', shape, data: new Uint8Array(ids.length).fill(1, from) }],
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

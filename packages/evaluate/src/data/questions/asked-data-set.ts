import { PareError, present } from '@pare/onnx'
import type { Batch, DataSet } from '../dataset.js'
import { tokenInput } from '../fill.js'
import type { MatchOptions } from '../match.js'
import type { ModelValue } from '../model-value.js'
import { fromNumbers } from '../ndarray.js'
import { problemsError } from '../problems.js'
import { cellOf, chooseColumns, namesIn } from '../rows/columns.js'
import type { RowOptions } from '../rows/row-options.js'
import { type Row, SMALL_BYTES, type Table } from '../tables/table.js'
import type { TextOptions } from '../text/text-options.js'
import { openTokenizer } from '../text/tokenizer.js'
import { choiceEntry } from './choice-entries.js'
import { promptEncoder } from './encode.js'
import type { Examples } from './examples.js'
import { NEGATIVES } from './pair-columns.js'
import { pairEntries } from './pair-entries.js'
import { promptEntries } from './prompt-entries.js'
import type { AskedEntry, Asking, WritingOptions } from './question.js'
import { soundEntries, soundInput } from './sound-entries.js'

export interface AskedOptions extends MatchOptions, Pick<RowOptions, 'boundary' | 'findPreprocessor'> {
  readonly asking: Asking
  readonly text: TextOptions
  readonly writing?: WritingOptions
  /** What stands before each question. Default: nothing */
  readonly examples?: Examples
  /** Of an encoder with its decoder: see `DataOptions`. */
  readonly start?: number
  /** What is larger is streamed. Default: 64 MiB */
  readonly smallBytes?: number
}

const PROMPTS_AT_ONCE = 8
/** Tokens of a text that is encoded, where neither user nor model say how many: as many as a window of text has. */
const USUAL_LENGTH = 256

/** With what columns say of it. */
type KeptEntry = AskedEntry & { readonly columns: Readonly<Record<string, string | number>> }

/**
 * A data set of what a language model is asked. A row is a question with choices, or one prompt or several. A small table is read at once, and all that is wrong with it is said before
 * anything runs.
 */
export async function askedDataSet(table: Table, options: AskedOptions): Promise<DataSet> {
  const head = await firstRow(table)
  const sounds = options.asking === 'answers' && options.start !== undefined ? soundInput(options.inputs) : undefined
  const asked = sounds ?? tokensIn(options.inputs, table.name)
  const reader: AskedReader =
    sounds === undefined ? await readerFor(head, asked, options) : await soundEntries(table, head, { ...options, input: sounds })
  const names = [...Object.keys(head.values), ...(reader.group === undefined ? [] : [reader.group])]
  const { columns: columnNames, problems } = chooseColumns(options, {
    ...{ names, inputs: new Set(options.inputs.map(({ name }) => name)) },
    ...present({ own: reader.group }),
  })
  if (problems.length > 0) throw problemsError(table.name, problems, 'name columns of the data.')
  const kept = namesIn(columnNames)
  async function* entries(): AsyncGenerator<KeptEntry> {
    let index = 0
    for await (const row of table.read()) {
      const values = { ...row.values, ...(reader.group !== undefined && { [reader.group]: ++index }) }
      const columns = Object.fromEntries(kept.map((name) => [name, cellOf(values[name]) ?? '']))
      for (const entry of await reader.entries(row)) yield { ...entry, columns }
    }
  }
  // Sounds take a hundred times as much as what names them.
  const held = sounds === undefined && table.bytes <= (options.smallBytes ?? SMALL_BYTES) ? await all(entries()) : undefined
  const shown = held ?? (await reader.entries(head))
  const longest = shown.reduce((most, { length }) => Math.max(most, length), 1)
  const sound = shown.flatMap(({ asked: own }) => ('prompt' in own ? (own.prompt.sound ?? []) : []))[0]
  return {
    ...present({ samples: held?.length ?? (options.asking === 'answers' && sounds === undefined ? undefined : table.rows) }),
    ...{
      ignored: [],
      notes: [...(reader.notes ?? []), ...negativesNote(head, options.asking), ...notesOf(held, options.asking)],
      columnNames,
    },
    ...(options.asking === 'answers' && { mostAtOnce: PROMPTS_AT_ONCE }),
    ...(sounds === undefined && { tokens: asked.name }),
    ...{ sampleSize: longest, sampleShapes: { [asked.name]: sound?.shape ?? [longest] } },
    async *batches(size) {
      let waiting: KeptEntry[] = []
      let first = 0
      for await (const entry of held ?? entries()) {
        waiting.push(entry)
        if (waiting.length < size) continue
        yield batchOf(waiting, { first, kept })
        first += waiting.length
        waiting = []
      }
      if (waiting.length > 0) yield batchOf(waiting, { first, kept })
    },
  }
}

function tokensIn(inputs: readonly ModelValue[], name: string): ModelValue {
  const tokens = tokenInput(inputs)
  if (tokens !== undefined) return inputs.find((input) => input.name === tokens)!
  throw new PareError(`${name}: questions for a model without an input for token ids.`, {
    hint: 'they are put to language models, with an integer input [batch, sequence].',
  })
}

async function firstRow(table: Table): Promise<Row> {
  for await (const row of table.read()) return row
  throw new PareError(`${table.name}: no rows.`, { hint: 'give more data.' })
}

/** How rows become what is asked. */
interface AskedReader {
  entries(row: Row): Promise<readonly AskedEntry[]>
  /** What belongs together, as the column of it is called, where a row is more than one thing. */
  readonly group?: string
  /** For people. Default: nothing */
  readonly notes?: readonly string[]
}

async function readerFor(head: Row, tokens: ModelValue, options: AskedOptions): Promise<AskedReader> {
  const { text, boundary, asking, label, writing, examples, start } = options
  const opened = await openTokenizer(text.tokenizer, boundary)
  if (asking === 'pairs') {
    const most = mostTokens(tokens.shape[1], text.length)
    return pairEntries(head, { opened, length: Math.min(most, text.length ?? USUAL_LENGTH), text, ...present({ label }) })
  }
  const encoder = promptEncoder(opened, { special: text.specialTokens ?? true })
  const length = mostTokens(tokens.shape[1], text.length)
  if (asking === 'choices') return { entries: async (row) => [choiceEntry(row, { encoder, length, label, examples, start })] }
  return promptEntries(head, { opened, encoder, length, ...present({ label, writing, examples, start, field: text.field }) })
}

/** Tokens that a model is given at most: as the user says, and as it is fixed. */
function mostTokens(fixed: number | string | undefined, length: number | undefined): number {
  const most = typeof fixed === 'number' ? fixed : Number.POSITIVE_INFINITY
  if (length === undefined) return most
  if (Number.isInteger(length) && length >= 2 && length <= most) return length
  throw new PareError(
    `text: a length of ${length} tokens; expected 2 to ${Number.isFinite(most) ? most : 'the longest the model takes'}.`,
    { hint: 'leave the length out to take what the model has.' },
  )
}

async function all<Entry>(entries: AsyncIterable<Entry>): Promise<readonly Entry[]> {
  const held: Entry[] = []
  for await (const entry of entries) held.push(entry)
  return held
}

function negativesNote({ values }: Row, asking: Asking): readonly string[] {
  const own = asking === 'pairs' ? Object.keys(values).filter((name) => NEGATIVES.test(name)) : []
  return own.length === 0 ? [] : [`${own.join(', ')} are not looked at: each second text is sought among those of all rows`]
}

function notesOf(held: readonly AskedEntry[] | undefined, asking: Asking): readonly string[] {
  const count = held?.filter(({ isShortened }) => isShortened).length ?? 0
  if (count === 0) return []
  if (asking === 'pairs')
    return [
      `${count === 1 ? 'a text of 1 row is' : `texts of ${count} rows are`} longer than the model is given: the end is left out`,
    ]
  const many = count === 1 ? '1 question is' : `${count} questions are`
  return [`${many} longer than the model is given at once: the beginning is left out`]
}

function batchOf(
  entries: readonly KeptEntry[],
  { first, kept }: { readonly first: number; readonly kept: readonly string[] },
): Batch {
  const questions = entries.flatMap(({ asked }) => ('question' in asked ? [asked.question] : []))
  const prompts = entries.flatMap(({ asked }) => ('prompt' in asked ? [asked.prompt] : []))
  const pairs = entries.flatMap(({ asked }) => ('pair' in asked ? [asked] : []))
  const answers = questions.map(({ answer }) => answer)
  const labels = pairs.flatMap(({ label }) => label ?? [])
  return {
    ...{ first, size: entries.length, inputs: {} },
    ...(prompts.length > 0 && { prompts }),
    ...(questions.length > 0 && { questions, label: fromNumbers(answers, [entries.length]) }),
    ...(pairs.length > 0 && { pairs: pairs.map(({ pair }) => pair) }),
    ...(labels.length > 0 && { label: fromNumbers(labels, [entries.length]) }),
    // Reports show what was asked, and fingerprints tell samples apart by it.
    strings: { question: { type: 'string', shape: [entries.length], data: entries.map(({ text }) => text) } },
    columns: Object.fromEntries(kept.map((name) => [name, entries.map(({ columns }) => columns[name]!)])),
  }
}

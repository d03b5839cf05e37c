import { PareError, present } from '@pare/onnx'
import { cellOf, chooseColumns, namesIn } from '../columns.js'
import type { Batch, DataSet } from '../dataset.js'
import { tokenInput } from '../fill.js'
import type { Boundary } from '../inside.js'
import type { MatchOptions } from '../match.js'
import { fromNumbers } from '../ndarray.js'
import { problemsError } from '../problems.js'
import { type Row, SMALL_BYTES, type Table } from '../tables/table.js'
import type { TextOptions } from '../text/text-options.js'
import { openTokenizer } from '../text/tokenizer.js'
import { choiceRowOf } from './choice-forms.js'
import { type PromptEncoder, promptEncoder } from './encode.js'
import type { AnswerChoice, ChoiceQuestion } from './question.js'

export interface QuestionOptions extends MatchOptions {
  readonly text: TextOptions
  readonly boundary: Boundary
  /** What is larger is streamed. Default: 64 MiB */
  readonly smallBytes?: number
}

/** A row as a question, with what columns say of it. */
interface QuestionEntry {
  readonly question: ChoiceQuestion & { readonly isShortened: boolean }
  readonly columns: Readonly<Record<string, string | number>>
}

/** A data set of questions with choices: a sample for each. A small table is read at once, and all that is wrong with it is said before anything runs. */
export async function questionDataSet(table: Table, options: QuestionOptions): Promise<DataSet> {
  const { inputs, text, boundary } = options
  const tokens = tokenInput(inputs)
  if (tokens === undefined) {
    throw new PareError(`${table.name}: questions for a model without an input for token ids.`, {
      hint: 'questions with choices are for language models, with an integer input [batch, sequence].',
    })
  }
  const encoder = promptEncoder(await openTokenizer(text.tokenizer, boundary), { special: text.specialTokens ?? true })
  const head = await firstRow(table)
  const { columns: columnNames, problems } = chooseColumns(options, {
    names: Object.keys(head.values),
    inputs: new Set(inputs.map(({ name }) => name)),
  })
  if (problems.length > 0) throw problemsError(table.name, problems, 'name columns of the data.')
  const length = mostTokens(inputs.find(({ name }) => name === tokens)?.shape[1], text.length)
  const kept = namesIn(columnNames)
  const entryOf = (row: Row) => ({
    question: questionOf(row, { encoder, length, label: options.label }),
    columns: cellsOf(row, kept),
  })
  const held = table.bytes <= (options.smallBytes ?? SMALL_BYTES) ? await all(table, entryOf) : undefined
  const first = held?.[0] ?? entryOf(head)
  const longest = (held ?? [first]).reduce(
    (most, { question }) => Math.max(most, ...question.choices.map(({ ids }) => ids.length - 1)),
    1,
  )
  return {
    ...present({ samples: held?.length ?? table.rows }),
    ...{ ignored: [], notes: notesOf(held), tokens, columnNames },
    ...{ sampleSize: longest, sampleShapes: { [tokens]: [longest] } },
    async *batches(size) {
      let waiting: QuestionEntry[] = []
      let first = 0
      for await (const entry of held ?? entriesOf(table, entryOf)) {
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

async function firstRow(table: Table): Promise<Row> {
  for await (const row of table.read()) return row
  throw new PareError(`${table.name}: no rows.`, { hint: 'give more data.' })
}

async function* entriesOf<Entry>(table: Table, entryOf: (row: Row) => Entry): AsyncGenerator<Entry> {
  for await (const row of table.read()) yield entryOf(row)
}

async function all<Entry>(table: Table, entryOf: (row: Row) => Entry): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  for await (const entry of entriesOf(table, entryOf)) entries.push(entry)
  return entries
}

/** Tokens that a model is given at most: as the user says, and as it is fixed. */
function mostTokens(fixed: number | string | undefined, length: number | undefined): number {
  const most = typeof fixed === 'number' ? fixed : Number.POSITIVE_INFINITY
  if (length === undefined) return most
  if (Number.isInteger(length) && length >= 2 && length <= most) return length
  throw new PareError(
    `text: a length of ${length} tokens; expected 2 to ${Number.isFinite(most) ? most : 'the longest the model takes'}.`,
    {
      hint: 'leave the length out to take what the model has.',
    },
  )
}

interface Encoding {
  readonly encoder: PromptEncoder
  /** Tokens that a model is given at most. */
  readonly length: number
  readonly label: string | undefined
}

function questionOf(row: Row, { encoder, length, label }: Encoding): ChoiceQuestion & { readonly isShortened: boolean } {
  const { text, contexts, continuations, choices, answer } = choiceRowOf(row, label)
  let isShortened = false
  const encoded = choices.map((choice, i): AnswerChoice => {
    const { ids, from } = encoder.encodePair(contexts[i]!, continuations[i]!, row.where)
    // The last token predicts nothing that counts, and is not run.
    const cut = Math.max(0, ids.length - 1 - length)
    isShortened ||= cut > 0
    if (from - cut < 1) {
      throw new PareError(
        `${row.where}: choice ${i} has ${ids.length - from} tokens, and the model is given ${length} at once.`,
        {
          hint: 'leave the row out.',
        },
      )
    }
    return { ids: ids.slice(cut), from: from - cut, bytes: Buffer.byteLength(choice), characters: [...choice].length }
  })
  return { text, choices: encoded, answer, isShortened }
}

function notesOf(held: readonly { readonly question: { readonly isShortened: boolean } }[] | undefined): readonly string[] {
  const count = held?.filter(({ question }) => question.isShortened).length ?? 0
  if (count === 0) return []
  return [
    `${count} ${count === 1 ? 'question is' : 'questions are'} longer than the model is given at once: the beginning is left out`,
  ]
}

function cellsOf({ values }: Row, kept: readonly string[]): Record<string, string | number> {
  return Object.fromEntries(kept.map((name) => [name, cellOf(values[name]) ?? '']))
}

function batchOf(
  entries: readonly QuestionEntry[],
  { first, kept }: { readonly first: number; readonly kept: readonly string[] },
): Batch {
  const questions = entries.map(({ question }) => question)
  return {
    ...{ first, size: entries.length, inputs: {}, questions },
    label: fromNumbers(
      questions.map(({ answer }) => answer),
      [entries.length],
    ),
    // Reports show what was asked, and fingerprints tell samples apart by it.
    strings: { question: { type: 'string', shape: [entries.length], data: questions.map(({ text }) => text) } },
    columns: Object.fromEntries(kept.map((name) => [name, entries.map(({ columns }) => columns[name]!)])),
  }
}

import { PareError } from '@pare/onnx'
import type { Row, Table } from '../tables/table.js'
import type { Message } from '../text/tokenizer.js'
import type { PromptRow } from './prompt-forms.js'

/** Rows with their answers, which stand before a question. */
export interface Examples {
  /** Those for this row, in the order in which they are written: where rows have a `subject`, of the same one. */
  for(row: Row): readonly Row[]
}

/** Each stands before every question. */
const MOST_EXAMPLES = 10_000

/** Reads a table of examples, all of which stand before each question. Throws PareError where there are none for a question, or a question is an example itself. */
export async function openExamples(table: Table): Promise<Examples> {
  const bySubject = new Map<string | undefined, Row[]>()
  const places = new Map<string, string>()
  for await (const row of table.read()) {
    if (places.size >= MOST_EXAMPLES)
      throw new PareError(`${table.name}: more than ${MOST_EXAMPLES} examples.`, {
        hint: 'all of them stand before each question: give a few, such as five of each subject.',
      })
    places.set(identityOf(row), row.where)
    const subject = subjectOf(row)
    const own = bySubject.get(subject)
    if (own === undefined) bySubject.set(subject, [row])
    else own.push(row)
  }
  if (places.size === 0) throw new PareError(`${table.name}: no rows.`, { hint: 'give examples, or leave them out.' })
  const hasSubjects = bySubject.size > 1 || !bySubject.has(undefined)
  return {
    for(row) {
      const same = places.get(identityOf(row))
      if (same !== undefined)
        throw new PareError(`${row.where}: the question stands among the examples, with its answer (${same}).`, {
          hint: 'take examples from another part of the data, such as its development part.',
        })
      const subject = hasSubjects ? subjectOf(row) : undefined
      const own = bySubject.get(subject)
      if (own !== undefined) return own
      throw new PareError(
        `${row.where}: no example of ${subject === undefined ? 'a question without a subject' : `subject '${subject}'`} in ${table.name}.`,
        {
          hint: 'give examples of each subject, or of none.',
        },
      )
    },
  }
}

function subjectOf({ values }: Row): string | undefined {
  return typeof values.subject === 'string' && values.subject !== '' ? values.subject : undefined
}

/** All that the row says, in whatever order its fields are written. */
function identityOf({ values }: Row): string {
  const fields = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify(fields, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))
}

/** A prompt behind others with their answers: of a conversation as turns before it, behind what the system says. */
export function withExamples(prompt: PromptRow['prompt'], examples: readonly PromptRow[]): PromptRow['prompt'] {
  if (typeof prompt === 'string') return [...examples.map(answeredText), prompt].join('\n\n')
  const turns = examples.flatMap(({ prompt: asked, expected }): readonly Message[] => [
    ...(typeof asked === 'string' ? [{ role: 'user', content: asked }] : asked.filter(({ role }) => role !== 'system')),
    { role: 'assistant', content: expected[0]! },
  ])
  const start = prompt.findIndex(({ role }) => role !== 'system')
  return [...prompt.slice(0, start), ...turns, ...prompt.slice(start)]
}

function answeredText({ prompt, expected: [answer = ''] }: PromptRow): string {
  return `${prompt as string}${/\s$/.test(prompt as string) || answer === '' ? '' : ' '}${answer}`
}

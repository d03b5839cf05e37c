import { PareError, present } from '@pare/onnx'
import type { Row } from '../tables/table.js'
import { answerIn, letterOf } from './choice-answer.js'

/** A question as text: which of the continuations of its contexts is the likeliest. */
export interface ChoiceRow {
  /** As reports show it. */
  readonly text: string
  /** What each choice is put behind: most often the same. */
  readonly contexts: readonly string[]
  /** What is put behind, a space included where one is wanted. */
  readonly continuations: readonly string[]
  /** The choices by themselves, whose length counts. */
  readonly choices: readonly string[]
  readonly answer: number
}

type Values = Readonly<Record<string, unknown>>

/** How a public data set writes its questions, and how they are asked. Questions are worded as the LM Evaluation Harness (Gao et al., 2021) words them. */
interface ChoiceForm {
  /** As messages name it. */
  readonly fields: string
  readonly answer: string
  fits(values: Values): boolean
  read(values: Values, place: FormPlace): FormQuestion
}

interface FormQuestion extends Omit<ChoiceRow, 'answer'> {
  /** What is said before all questions. Default: nothing */
  readonly preamble?: string
  /** What the data call the choices. Default: A, B, C, … */
  readonly labels?: readonly string[]
  /** The texts that an answer may be written as. Default: the choices */
  readonly written?: readonly string[]
}

interface FormPlace {
  readonly where: string
}

const isText = (value: unknown): value is string => typeof value === 'string'
const hasTexts = (values: Values, ...names: string[]) => names.every((name) => isText(values[name]))

const FORMS: readonly ChoiceForm[] = [
  {
    fields: 'question: { stem, choices: [{ text, label }] }, answerKey (ARC)',
    answer: 'answerKey',
    fits: ({ question }) => isText((question as Values | null)?.stem),
    read({ question }, place) {
      const { stem, choices } = question as Values
      const each = listIn(choices) as Values[] | undefined
      const all = { text: each?.map((one) => one?.text), label: each?.map((one) => one?.label) }
      return asked(`Question: ${stem}\nAnswer:`, { text: stem as string, ...labelled(all, place) })
    },
  },
  {
    fields: 'question, choices: { text: […], label: […] }, answerKey (ARC, CommonsenseQA)',
    answer: 'answerKey',
    fits: ({ question, choices }) => isText(question) && isLabelled(choices),
    read: ({ question, choices }, place) =>
      asked(`Question: ${question}\nAnswer:`, { text: question as string, ...labelled(choices, place) }),
  },
  {
    fields: 'question_stem, choices: { text: […], label: […] }, answerKey (OpenBookQA)',
    answer: 'answerKey',
    fits: ({ question_stem, choices }) => isText(question_stem) && isLabelled(choices),
    read: ({ question_stem: stem, choices }, place) =>
      asked(stem as string, { text: stem as string, ...labelled(choices, place) }),
  },
  {
    fields: 'question, choices: […], answer (MMLU)',
    answer: 'answer',
    fits: ({ question, choices }) => isText(question) && listIn(choices) !== undefined,
    read: ({ question, subject, choices }, place) =>
      lettered(question as string, { subject, choices: textsIn(choices, 'choices', place) }),
  },
  {
    fields: 'question, A, B, C, D, answer (MMLU as CSV)',
    answer: 'answer',
    fits: (values) => hasTexts(values, 'question', 'A', 'B'),
    read(values) {
      const columns = Array.from({ length: 26 }, (_, i) => letterOf(i))
      const end = columns.findIndex((name) => !isText(values[name]) || values[name] === '')
      const choices = columns.slice(0, end).map((name) => values[name] as string)
      return lettered(values.question as string, { subject: values.subject, choices })
    },
  },
  {
    fields: 'ctx, endings: […], label (HellaSwag)',
    answer: 'label',
    fits: ({ ctx, endings }) => isText(ctx) && listIn(endings) !== undefined,
    read({ ctx, ctx_a: a, ctx_b: b, activity_label: activity, endings }, place) {
      const begin = isText(a) && isText(b) ? `${a} ${b.slice(0, 1).toUpperCase()}${b.slice(1).toLowerCase()}` : (ctx as string)
      const text = cleaned(isText(activity) && activity !== '' ? `${activity}: ${begin}` : begin)
      return asked(text, { text, choices: textsIn(endings, 'endings', place).map(cleaned) })
    },
  },
  {
    fields: 'goal, sol1, sol2, label (PIQA)',
    answer: 'label',
    fits: (values) => hasTexts(values, 'goal', 'sol1', 'sol2'),
    read: ({ goal, sol1, sol2 }) =>
      asked(`Question: ${goal}\nAnswer:`, { text: goal as string, choices: [sol1 as string, sol2 as string] }),
  },
  {
    fields: 'sentence with a _, option1, option2, answer (Winogrande)',
    answer: 'answer',
    fits: (values) => hasTexts(values, 'sentence', 'option1', 'option2') && (values.sentence as string).includes('_'),
    read({ sentence, option1, option2 }) {
      const [begin = '', ...rest] = (sentence as string).split('_')
      const choices = [option1 as string, option2 as string]
      const end = rest.join('_').trim()
      // What differs stands before: the rest of the sentence is to be likelier behind the right one.
      return {
        ...{ text: sentence as string, choices, labels: ['1', '2'] },
        contexts: choices.map((option) => begin + option),
        continuations: choices.map(() => ` ${end}`),
      }
    },
  },
  {
    fields: 'context, choices: […], gold',
    answer: 'gold',
    fits: ({ context, choices }) => isText(context) && listIn(choices) !== undefined,
    read: ({ context, choices }, place) =>
      asked(context as string, { text: context as string, choices: textsIn(choices, 'choices', place) }),
  },
]

/** Whether a row is a question with choices. */
export function isChoiceRow(values: Values): boolean {
  return FORMS.some((form) => form.fits(values))
}

/**
 * A row as a question, behind others with their answers. `label` is the field of the answer, where the user names it. Throws PareError where the row has none of the
 * forms that are known.
 */
export function choiceRowOf(row: Row, label: string | undefined, before: readonly string[] = []): ChoiceRow {
  const { preamble, ...question } = questionOf(row, label)
  const beginning = [...(preamble === undefined ? [] : [preamble]), ...before]
  return { ...question, contexts: question.contexts.map((context) => [...beginning, context].join('\n\n')) }
}

/** A question with its answer, as an example for others. */
export function answeredOf(row: Row, label: string | undefined): string {
  const { contexts, continuations, answer } = questionOf(row, label)
  return `${contexts[answer]}${continuations[answer]}`
}

function questionOf({ where, values }: Row, label: string | undefined): ChoiceRow & Pick<FormQuestion, 'preamble'> {
  const form = FORMS.find((each) => each.fits(values))
  if (form === undefined) {
    throw new PareError(`${where}: no question with choices; found ${Object.keys(values).join(', ') || 'nothing'}.`, {
      hint: `expected the fields of one of these: ${FORMS.map(({ fields }) => fields).join('; ')}.`,
    })
  }
  const { labels, written, ...question } = form.read(values, { where })
  if (question.choices.length < 2) {
    throw new PareError(`${where}: ${question.choices.length} choice, expected at least two.`, { hint: 'leave the row out.' })
  }
  const field = label ?? [form.answer, 'gold', 'answer', 'label'].find((name) => name in values) ?? form.answer
  const answer = answerIn(values[field], { choices: written ?? question.choices, ...(labels && { labels }) }, { where, field })
  // With the choices, by which questions of the same words differ, and in whose order answers are numbered.
  const text = `${question.text} [${(written ?? question.choices).join(' | ')}]`
  return { ...question, text, answer }
}

/** Choices behind the same context. */
function asked<Rest extends { readonly choices: readonly string[] }>(context: string, rest: Rest) {
  const { choices } = rest
  return {
    ...rest,
    contexts: choices.map(() => context),
    continuations: choices.map((choice) => (context === '' || /\s$/.test(context) || /^\s/.test(choice) ? choice : ` ${choice}`)),
  }
}

/** The choices stand in the question, and their letters are to be told. */
function lettered(question: string, { subject, choices }: { readonly subject: unknown; readonly choices: readonly string[] }) {
  const listed = choices.map((choice, i) => `${letterOf(i)}. ${choice}`).join('\n')
  const about =
    isText(subject) && subject !== ''
      ? `The following are multiple choice questions (with answers) about ${subject.replaceAll('_', ' ')}.`
      : undefined
  const context = `${question.trim()}\n${listed}\nAnswer:`
  const letters = choices.map((_, i) => letterOf(i))
  return { ...asked(context, { text: question, choices: letters }), written: choices, ...present({ preamble: about }) }
}

function isLabelled(choices: unknown): boolean {
  const { text, label } = (choices ?? {}) as Values
  return listIn(text) !== undefined && listIn(label) !== undefined
}

function labelled(choices: unknown, place: FormPlace) {
  const { text, label } = choices as Values
  return { choices: textsIn(text, 'choices', place), labels: textsIn(label, 'labels of choices', place) }
}

/** A list, also one that is written as JSON in a cell. */
function listIn(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value
  if (!isText(value) || !/^\s*\[/.test(value)) return undefined
  try {
    const list: unknown = JSON.parse(value)
    return Array.isArray(list) ? list : undefined
  } catch {
    return undefined
  }
}

function textsIn(value: unknown, what: string, { where }: FormPlace): readonly string[] {
  const list = listIn(value)
  const other = list?.findIndex((each) => typeof each !== 'string' && typeof each !== 'number') ?? 0
  if (list !== undefined && other < 0) return list.map(String)
  throw new PareError(
    `${where}: ${what} are ${JSON.stringify(list === undefined ? value : list[other]) ?? 'missing'}, expected texts.`,
    {
      hint: 'correct the row, or leave it out.',
    },
  )
}

/** HellaSwag's texts of WikiHow carry headings in brackets. */
function cleaned(text: string): string {
  return text
    .trim()
    .replaceAll(' [title]', '. ')
    .replace(/\[.*?\]/g, '')
    .replaceAll('  ', ' ')
}

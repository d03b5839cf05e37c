import { PareError } from '@pare/onnx'

/** What may be meant by an answer. */
interface Answerable {
  readonly choices: readonly string[]
  /** As the data name the choices. Default: A, B, C, … */
  readonly labels?: readonly string[]
}

/** The number of the right choice, counted from 0: written as that number, as the label of the choice, or as its text. Throws PareError where it is none of these, or two at once. */
export function answerIn(value: unknown, { choices, labels }: Answerable, { where, field }: AnswerPlace): number {
  if (value === undefined || value === null || value === '') {
    throw new PareError(`${where}: no '${field}', so which choice is right is not known.`, {
      hint: 'the tests of some data sets come without answers: take the validation part.',
    })
  }
  const named = labels?.indexOf(String(value)) ?? -1
  if (named >= 0) return named
  const counted = typeof value === 'string' ? -1 : numberIn(value, choices)
  if (counted >= 0) return counted
  const possible = new Set([numberIn(value, choices), letterIn(value, choices, labels), choices.indexOf(String(value))])
  possible.delete(-1)
  const [answer] = possible
  const written = JSON.stringify(typeof value === 'bigint' ? Number(value) : value)
  if (answer !== undefined && possible.size === 1) return answer
  if (answer === undefined) {
    throw new PareError(
      `${where}: '${field}' is ${written}, expected the number of one of ${choices.length} choices counted from 0, ${labels === undefined ? 'a letter from A' : `one of ${labels.join(', ')}`}, or the text of a choice.`,
      { hint: 'name the field of the answer with --label, or correct the row.' },
    )
  }
  throw new PareError(`${where}: '${field}' is ${written}, which may be choice ${[...possible].join(' or ')}, counted from 0.`, {
    hint: 'write the answer as a number without quotes.',
  })
}

export interface AnswerPlace {
  readonly where: string
  readonly field: string
}

function numberIn(value: unknown, choices: readonly string[]): number {
  const isWritten = typeof value === 'string' && /^\d+$/.test(value.trim())
  if (typeof value !== 'number' && typeof value !== 'bigint' && !isWritten) return -1
  const number = Number(value)
  return Number.isInteger(number) && number >= 0 && number < choices.length ? number : -1
}

function letterIn(value: unknown, choices: readonly string[], labels: readonly string[] | undefined): number {
  if (labels !== undefined || typeof value !== 'string') return -1
  return choices.findIndex((_, i) => letterOf(i) === value.trim().toUpperCase())
}

/** 0 → 'A'. */
export function letterOf(choice: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + choice)
}

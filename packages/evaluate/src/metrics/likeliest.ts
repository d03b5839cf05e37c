import { type ReadableSample, sampleOf } from '@pare/metric'
import { numbersOf } from '../data/ndarray.js'
import type { AnswerChoice } from '../data/questions/question.js'
import type { NeededOutcome } from './outcome.js'

/** What keeps the batch from being one of questions with choices. */
export function choiceProblems({ batch }: NeededOutcome): string[] {
  return batch.questions === undefined ? ['the data are no questions with choices, or are not read as such here.'] : []
}

/** Questions, of an output of log-probabilities f64[questions, choices]: a class is a choice. */
export function readChoices({ batch, output, needs }: NeededOutcome): ReadableSample[] {
  const width = output.shape[1]!
  return batch.questions!.map(({ choices, answer }, i) => {
    const row = Float64Array.from(numbersOf(output, i * width, i * width + choices.length))
    for (const [at, choice] of choices.entries()) row[at]! /= lengthOf(choice, needs.per)
    const sample = sampleOf({ rows: [row], label: Float64Array.of(answer) })
    return { read: ({ scale, isMany }) => (scale === 'logits' && !isMany ? sample : undefined) }
  })
}

function lengthOf({ ids, from, bytes, characters }: AnswerChoice, per: NeededOutcome['needs']['per'] = 'choice'): number {
  switch (per) {
    case 'choice':
      return 1
    case 'byte':
      return Math.max(1, bytes)
    case 'character':
      return Math.max(1, characters)
    case 'token':
      return ids.length - from
    default:
      return per satisfies never
  }
}

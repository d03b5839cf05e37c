import { PareError } from '@pare/onnx'
import type { Row } from '../tables/table.js'
import { answeredOf, choiceRowOf } from './choice-forms.js'
import type { PromptEncoder } from './encode.js'
import type { Examples } from './examples.js'
import type { AnswerChoice, AskedEntry } from './question.js'

interface ChoiceEncoding {
  readonly encoder: PromptEncoder
  /** Tokens that a model is given at most. */
  readonly length: number
  /** The field of the answer, where the user names it. */
  readonly label: string | undefined
  readonly examples: Examples | undefined
}

/** A row as a question with choices. What is longer than the model takes loses its beginning. */
export function choiceEntry(row: Row, { encoder, length, label, examples }: ChoiceEncoding): AskedEntry {
  const before = examples?.for(row).map((example) => answeredOf(example, label))
  const { text, contexts, continuations, choices, answer } = choiceRowOf(row, label, before)
  let [longest, isShortened] = [1, false]
  const encoded = choices.map((choice, i): AnswerChoice => {
    const { ids, from } = encoder.encodePair(contexts[i]!, continuations[i]!, row.where)
    // The last token predicts nothing that counts, and is not run.
    const cut = Math.max(0, ids.length - 1 - length)
    if (from - cut < 1) {
      throw new PareError(
        `${row.where}: choice ${i} has ${ids.length - from} tokens, and the model is given ${length} at once.`,
        { hint: 'leave the row out.' },
      )
    }
    isShortened ||= cut > 0
    longest = Math.max(longest, ids.length - 1 - cut)
    return { ids: ids.slice(cut), from: from - cut, bytes: Buffer.byteLength(choice), characters: [...choice].length }
  })
  return { text, asked: { question: { choices: encoded, answer } }, length: longest, isShortened }
}

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
  /** Of an encoder with its decoder: the token that what is written begins with. */
  readonly start: number | undefined
}

/** A row as a question with choices. What is longer than the model takes loses its beginning. */
export function choiceEntry(row: Row, { encoder, length, label, examples, start }: ChoiceEncoding): AskedEntry {
  const before = examples?.for(row).map((example) => answeredOf(example, label))
  const { text, contexts, continuations, choices, answer } = choiceRowOf(row, label, before)
  let [longest, isShortened] = [1, false]
  const encoded = choices.map((choice, i): AnswerChoice => {
    const size = { bytes: Buffer.byteLength(choice), characters: [...choice].length }
    if (start !== undefined) {
      // As the LM Evaluation Harness does it: the context with all special tokens, the choice without.
      const source = encoder.encodeWhole(contexts[i]!, length)
      isShortened ||= encoder.encodeWhole(contexts[i]!, Number.POSITIVE_INFINITY).length > source.length
      longest = Math.max(longest, source.length)
      return { source, ids: [start, ...encoder.encodePlain(continuations[i]!)], from: 1, ...size }
    }
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
    return { ids: ids.slice(cut), from: from - cut, ...size }
  })
  return { text, asked: { question: { choices: encoded, answer } }, length: longest, isShortened }
}

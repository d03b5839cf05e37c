import { present } from '@pare/onnx'
import { PAIRS } from '../text/text-fields.js'

/** Two texts as data sets of embedding models call them, besides those that classifiers are given. */
export const ENCODED: readonly (readonly [string, string])[] = [
  ...PAIRS,
  ['anchor', 'positive'],
  ['text1', 'text2'],
  ['sentence_A', 'sentence_B'],
  ['query', 'passage'],
  ['question', 'answer'],
]

/** How alike two texts are, by the names that such columns have. */
const SCORES = ['label', 'labels', 'score', 'similarity_score', 'relatedness_score', 'target', 'y']

/** Columns of two texts that an embedding model encodes each on its own, and of what is said of both. */
export interface PairColumns {
  readonly texts: readonly [string, string]
  readonly score?: string
}

/** By their names. Undefined: there are no two texts. */
export function pairColumns(has: { text(name: string): boolean; value(name: string): boolean }): PairColumns | undefined {
  const texts = ENCODED.find((pair) => pair.every((name) => has.text(name)))
  return texts && { texts, ...present({ score: SCORES.find((name) => has.value(name) && !texts.includes(name)) }) }
}

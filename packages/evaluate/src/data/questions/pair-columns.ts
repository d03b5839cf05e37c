import { present } from '@pare/onnx'
import { PAIRS } from '../text/text-fields.js'

/** Two texts as data sets of embedding models call them, besides those that classifiers are given. */
export const ENCODED: readonly (readonly [string, string])[] = [
  ...PAIRS,
  ['anchor', 'positive'],
  ['query', 'positive'],
  ['question', 'positive'],
  ['query', 'positives'],
  ['query', 'pos'],
  ['text1', 'text2'],
  ['sentence_A', 'sentence_B'],
  ['question', 'answer'],
]

/** Texts that should not be found, of rows that have some. */
export const NEGATIVES = /^(hard_)?neg(ative)?s?(_\d+)?$/i

/** A text, or the first of several that are as good. Undefined: it is none. */
export function firstText(value: unknown): string | undefined {
  const first = Array.isArray(value) ? value[0] : value
  return typeof first === 'string' ? first : undefined
}

/** How alike two texts are, by the names that such columns have. */
const SCORES = ['label', 'labels', 'score', 'similarity_score', 'relatedness_score', 'relevance', 'grade', 'target', 'y']

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

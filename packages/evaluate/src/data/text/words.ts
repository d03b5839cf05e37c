import { PareError } from '@pare/onnx'
import type { DataArray } from '../ndarray.js'
import { IGNORED_LABEL } from '../padding.js'
import type { Row } from '../tables/table.js'
import type { OpenTokenizer } from './tokenizer.js'

/** Lists of words as data sets of named entities and parts of speech call them. */
const WORDS = ['tokens', 'words'] as const

/** The column of a row that holds words, one by one. */
export function wordsIn(values: Readonly<Record<string, unknown>>): string | undefined {
  return WORDS.find((name) => isWords(values[name]))
}

const isWords = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string')

export interface LabelledWords {
  readonly ids: readonly number[]
  /** Of each token, as long as there are labels. */
  readonly label?: DataArray
}

interface Encoding {
  readonly ids: readonly number[]
  readonly tokens: readonly string[]
}

/**
 * Token ids of words with a label each: the first token of a word has its label, the others and special tokens do not count (−100), as
 * transformers' examples of token classification have it. Words are encoded one by one, with a space before them where the tokenizer tells words apart by it.
 */
export function wordEncoder({ tokenizer }: OpenTokenizer, { special }: { readonly special: boolean }) {
  const encode = (text: string, isWhole: boolean): Encoding => tokenizer.encode(text, { add_special_tokens: isWhole })
  const plain = (text: string) => encode(text, false)
  const [whole, own] = [encode('a', true).ids, plain('a').ids]
  const at = whole.findIndex((_, start) => own.every((id, i) => whole[start + i] === id))
  const [front, back] = special && at >= 0 ? [whole.slice(0, at), whole.slice(at + own.length)] : [[], []]
  const isSpaced = plain(' a').tokens[0]?.startsWith('Ġ') === true
  return (
    row: Row,
    { field, label, length }: { readonly field: string; readonly label: string; readonly length: number },
  ): LabelledWords => {
    const words = row.values[field]
    if (!isWords(words))
      throw new PareError(`${row.where}: '${field}' is no list of words, and the rows before have one.`, {
        hint: 'give each row a list of words.',
      })
    const pieces = words.map((word) => plain(isSpaced ? ` ${word}` : word).ids)
    const room = Math.max(1, length - front.length - back.length)
    const ids = [...front, ...pieces.flat().slice(0, room), ...back]
    const tags = row.values[label]
    // Calibration needs none.
    if (tags === undefined) return { ids }
    if (!Array.isArray(tags) || tags.length !== words.length) {
      throw new PareError(
        `${row.where}: ${words.length} words in '${field}', and ${Array.isArray(tags) ? `${tags.length} labels` : 'no list of labels'} in '${label}'.`,
        { hint: 'give each word a label, and name their column: --label ner_tags.' },
      )
    }
    const counted: unknown[] = pieces.flatMap((own, i) => own.map((_, at) => (at === 0 ? tags[i] : IGNORED_LABEL)))
    const ignored = (of: readonly number[]) => of.map(() => IGNORED_LABEL)
    const all = [...ignored(front), ...counted.slice(0, room), ...ignored(back)]
    return { ids, label: labelArray(all, `${row.where}: '${label}'`) }
  }
}

function labelArray(values: readonly unknown[], where: string): DataArray {
  const shape = [values.length]
  if (values.every((value) => Number.isInteger(value)))
    return { type: 'int64', shape, data: BigInt64Array.from(values as number[], BigInt) }
  if (values.every((value) => typeof value === 'string' || value === IGNORED_LABEL))
    return { type: 'string', shape, data: values.map(String) }
  throw new PareError(`${where} holds labels that are neither names nor whole numbers.`, {
    hint: 'give each word a name or a number.',
  })
}

import { PareError } from '@pare/onnx'
import { tokenInput } from '../../data/fill.js'
import type { ModelValue } from '../../data/model-value.js'
import { castElements, describe, type ElementType, type NdArray, numbersOf } from '../../data/ndarray.js'
import type { Session } from '../../process/runtime.js'

/** Bytes that the scores of one run may take. Those of a single row may take more. */
export const MOST_BYTES = 2 ** 27

/** Rows of token ids for a language model, which may differ in length. */
export interface TokenRows {
  readonly rows: readonly (readonly number[])[]
  /** The number of the first sample that they belong to, for messages. */
  readonly first: number
  /** Name of the output with the scores. */
  readonly output: string
  /** How many rows the model takes at once, where that is fixed. */
  readonly fixed: number | undefined
}

/** Scores over the vocabulary after each token: float[rows, longest, vocabulary]. Behind the end of a row stands what does not count. */
export async function runRows(session: Session, tokens: TokenRows): Promise<NdArray> {
  const { output } = tokens
  const { array: scores, rows: count, width } = await runTokens(session, tokens)
  const [size, seq, vocabulary] = scores.shape
  if (scores.shape.length === 3 && size === count && seq === width && vocabulary! > 1) return scores
  throw new PareError(
    `${session.name}: output '${output}' is ${describe(scores.type, scores.shape)} for ${count} rows of ${width} tokens, expected scores of the next token at each: [${count}, ${width}, vocabulary].`,
    { hint: 'questions are put to models that write text; name another output, or measure accuracy on labels.' },
  )
}

/** What the model gives for rows of token ids, filled up to `width` behind their end and masked there; `rows` as many as were run. */
export async function runTokens(
  session: Session,
  { rows, first, output, fixed }: TokenRows,
): Promise<{ readonly array: NdArray; readonly rows: number; readonly width: number }> {
  const input = tokensOf(session)
  const own = typeof input.shape[1] === 'number' ? input.shape[1] : undefined
  const width = own ?? rows.reduce((most, { length }) => Math.max(most, length), 0)
  const filled = fixed === undefined ? rows : Array.from({ length: fixed }, (_, i) => rows[i] ?? rows.at(-1)!)
  const shape = [filled.length, width]
  const [ids, mask] = [new Float64Array(filled.length * width), new Uint8Array(filled.length * width)]
  for (const [i, row] of filled.entries()) {
    ids.set(row, i * width)
    mask.fill(1, i * width, i * width + row.length)
  }
  const masked = session.inputs.find(({ name }) => name === MASK)
  const inputs = {
    [input.name]: arrayFor(input, { type: 'float64', shape, data: ids }),
    [MASK]: masked === undefined ? BOOL(shape, mask) : arrayFor(masked, BOOL(shape, mask)),
  }
  const array = await session.run({ first, size: filled.length, inputs, tokens: input.name }, output)
  return { array, rows: filled.length, width }
}

const MASK = 'attention_mask'
const BOOL = (shape: readonly number[], data: Uint8Array): NdArray => ({ type: 'bool', shape, data })

/** The input of token ids. */
export function tokensOf({ inputs, name }: Pick<Session, 'inputs' | 'name'>): ModelValue {
  const tokens = tokenInput(inputs)
  if (tokens !== undefined) return inputs.find((input) => input.name === tokens)!
  throw new PareError(`${name}: no input for token ids, input_ids for example.`, {
    hint: 'questions are put to models that write text.',
  })
}

export function arrayFor({ type }: Pick<ModelValue, 'type'>, array: NdArray): NdArray {
  const own = type as ElementType
  return { type: own, shape: array.shape, data: castElements(array, own, [0, array.data.length]) }
}

/** The scores after one token of a row. */
export function scoresAt(scores: NdArray, row: number, at: number) {
  const [, seq, vocabulary] = scores.shape as [number, number, number]
  const begin = (row * seq + at) * vocabulary
  return numbersOf(scores, begin, begin + vocabulary)
}

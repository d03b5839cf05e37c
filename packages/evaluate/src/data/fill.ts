import { PareError } from '@pare/onnx'
import type { ModelValue } from './model-value.js'
import { castElements, describe, type ElementType, isElementType, isInteger, type NdArray, STORAGE } from './ndarray.js'

/** The token ids of one batch: what the other inputs of a language model follow from. */
export interface TokenBatch {
  readonly size: number
  readonly seq: number
  /** bool[size, seq], 0 where a token only fills the row up. Undefined: all count. */
  readonly mask?: NdArray
}

/** Inputs of one truth value that is the same for all data. Merged decoders choose between their two graphs by this one: without a cache it is false. */
export const FILLED_FLAGS: ReadonlyMap<string, boolean> = new Map([['use_cache_branch', false]])

/** Inputs of Hugging Face exports that follow from the token ids. One entry each. */
const FILLERS: readonly { readonly name: RegExp; make(input: ModelValue, batch: TokenBatch): NdArray }[] = [
  { name: /^attention_mask$/, make: (_, batch) => batch.mask ?? constant(batch, 1) },
  { name: /^token_type_ids$/, make: (_, batch) => constant(batch, 0) },
  { name: /^position_ids$/, make: (_, batch) => positions(batch) },
  { name: /^past_key_values?[._]/, make: emptyPast },
  ...[...FILLED_FLAGS].map(([name, value]) => ({
    name: new RegExp(`^${name}$`),
    make: (): NdArray => ({ type: 'bool', shape: [1], data: Uint8Array.of(Number(value)) }),
  })),
]

export function canFill(input: ModelValue): boolean {
  return FILLERS.some(({ name }) => name.test(input.name))
}

/** The value of an input that `canFill`, in the input's type. */
export function fillInput(input: ModelValue, batch: TokenBatch): NdArray {
  const value = FILLERS.find(({ name }) => name.test(input.name))!.make(input, batch)
  const type = input.type as ElementType
  return { type, shape: value.shape, data: castElements(value, type, [0, value.data.length]) }
}

/** Name of the input that holds token ids: 'input_ids', else the only integer input [batch, seq] that cannot be filled in. */
export function tokenInput(inputs: readonly ModelValue[]): string | undefined {
  const input = inputs.find(({ name }) => name === 'input_ids')
  if (input) return input.name
  const others = inputs.filter((input) => !canFill(input))
  const only = others.length === 1 ? others[0]! : undefined
  return only && isElementType(only.type) && isInteger(only.type) && only.shape.length === 2 ? only.name : undefined
}

function constant({ size, seq }: TokenBatch, value: number): NdArray {
  return { type: 'uint8', shape: [size, seq], data: new Uint8Array(size * seq).fill(value) }
}

/** Position of each token among those that count, from 0; tokens before the first that counts are at 0. */
function positions({ size, seq, mask }: TokenBatch): NdArray {
  const data = new Int32Array(size * seq)
  for (let row = 0; row < size; row++) {
    let next = 0
    for (let i = row * seq; i < (row + 1) * seq; i++) {
      data[i] = Math.max(0, mask && !mask.data[i] ? next - 1 : next++)
    }
  }
  return { type: 'int32', shape: [size, seq], data }
}

/** [batch, heads, 0, headDim]: a cache without a past. The one free axis besides the batch is the past. */
function emptyPast(input: ModelValue, { size }: TokenBatch): NdArray {
  const free = input.shape.flatMap((dim, axis) => (axis > 0 && typeof dim === 'string' ? [axis] : []))
  const past = free.length === 1 ? free[0] : free.find((axis) => /past/i.test(String(input.shape[axis])))
  if (past === undefined || free.length > 1) {
    throw new PareError(
      `input '${input.name}' is ${describe(input.type, input.shape)}: an empty cache needs exactly one free axis besides the batch, the past.`,
      { hint: `give the array '${input.name}' in the data, or export the model with a dynamic past and fixed head sizes.` },
    )
  }
  const shape = input.shape.map((dim, axis) => (axis === 0 ? size : axis === past ? 0 : Number(dim)))
  const type = input.type as ElementType
  return { type, shape, data: new STORAGE[type](0) }
}

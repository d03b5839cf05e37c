import { allSizes, float32ToFloat16, PareError, present, type Symbols } from '@pare/onnx'
import type { ModelValue } from '../data/model-value.js'
import { type NdArray, sizeOf } from '../data/ndarray.js'
import type { Integers, TokenCounter } from './counted.js'

/** What sizes that are not fixed are given: the batch, all others (a sequence, an image's sides), and the tokens that a cache holds already. */
export type MadeUpSizes = readonly [batch: number, others: number, past: number]

export interface Making {
  readonly sizes: MadeUpSizes
  readonly symbols: Symbols
  /** Another number makes other values. */
  readonly run: number
  readonly integers: Integers
}

/**
 * Values for all inputs, the same ones each time: waves for floats, true for bool, for a single bool what `conditionOf` says, and for integers numbers that are in range, whatever they are: ids
 * below the rows of the table they index, 0 for token types, else 0 and 1. Throws PareError for types without numbers.
 */
export function makeUp(inputs: readonly ModelValue[], making: Making): Record<string, NdArray> {
  const sizeFor = sizesOf(inputs, making)
  const shaped = inputs.map((input) => ({ ...input, shape: input.shape.map(sizeFor) }))
  return Object.fromEntries(
    shaped.map((input, i) => {
      const counted = making.integers.counted.get(input.name)
      const value = counted && countOf(counted, shaped)
      const below = making.integers.rows.get(input.name)
      if (isCondition(input)) return [input.name, conditionValue(input, conditionOf(inputs, making))]
      return [input.name, makeUpValue(input, { run: making.run + 3 * i, below, ...present({ value }) })]
    }),
  )
}

/** A single bool: it decides which way a model goes. */
export function isCondition({ type, shape }: ModelValue): boolean {
  return type === 'bool' && shape.every((size) => size === 1)
}

/** What a condition is: whether the cache holds something, where there is one, else true in every other run. */
export function conditionOf(
  inputs: readonly ModelValue[],
  { sizes: [, , past], symbols, run }: Omit<Making, 'integers'>,
): boolean {
  return pastSymbols(inputs, symbols).size > 0 ? past > 0 : run % 2 === 0
}

function conditionValue({ shape }: Shaped, value: boolean): NdArray {
  return { type: 'bool', shape, data: Uint8Array.of(value ? 1 : 0) }
}

type Shaped = Omit<ModelValue, 'shape'> & { readonly shape: readonly number[] }

/** Tokens of the past and new ones. New ones: of the first integer input [batch, tokens]. */
function countOf({ kind, past }: TokenCounter, inputs: readonly Shaped[]): number {
  if (kind === 'ones') return 1
  const before = inputs.find(({ name }) => name === past)?.shape[2] ?? 0
  const ids = inputs.find(({ type, shape, name }) => shape.length === 2 && /^u?int/.test(type) && !/mask/i.test(name))
  const total = before + (ids?.shape[1] ?? 1)
  return kind === 'total' ? total : total - 1
}

/** Whether the height or width of an image is free: of f32[batch, channels, height, width], where batches and channels are no such sizes. */
export function hasFreeSides(inputs: readonly ModelValue[]): boolean {
  return inputs.some(
    ({ name, type, shape }) =>
      /^float|^uint8$/.test(type) && shape.length === 4 && !/mask|past|cache|bias/i.test(name) && shape.slice(2).every(isFree),
  )
}

/** Whether any size is free: else all sizes that are tried are the same. */
export function hasFreeSizes(inputs: readonly ModelValue[]): boolean {
  return inputs.some(({ shape }) => shape.some(isFree))
}

/** Values for one input of known size. Integers are `value`, or stay below `below`. Default: 2. */
function makeUpValue(
  { name, type, shape }: Shaped,
  {
    run,
    value,
    below = /^token_type_ids$/.test(name) ? 1 : 2,
  }: { readonly run: number; readonly value?: number; readonly below?: number | undefined },
): NdArray {
  const length = sizeOf(shape)
  const wave = (_: unknown, i: number) => Math.sin(i * 1.7 + run) + Math.cos(i * 0.31)
  const id = (_: unknown, i: number) => value ?? ((i + 1) * (7 + 2 * run)) % below
  // Pixels and other small integers that hold a quantity.
  const amount = (_: unknown, i: number) => (i * 37 + run) % 128
  switch (type) {
    case 'float32':
      return { type, shape, data: Float32Array.from({ length }, wave) }
    case 'float64':
      return { type, shape, data: Float64Array.from({ length }, wave) }
    case 'float16':
      return { type, shape, data: float32ToFloat16(Float32Array.from({ length }, wave)) }
    case 'int64':
      return { type, shape, data: BigInt64Array.from({ length }, (_, i) => BigInt(id(_, i))) }
    case 'uint64':
      return { type, shape, data: BigUint64Array.from({ length }, (_, i) => BigInt(id(_, i))) }
    case 'int32':
      return { type, shape, data: Int32Array.from({ length }, id) }
    case 'uint32':
      return { type, shape, data: Uint32Array.from({ length }, id) }
    case 'uint8':
      return { type, shape, data: Uint8Array.from({ length }, amount) }
    case 'int8':
      return { type, shape, data: Int8Array.from({ length }, amount) }
    case 'uint16':
      return { type, shape, data: Uint16Array.from({ length }, amount) }
    case 'int16':
      return { type, shape, data: Int16Array.from({ length }, amount) }
    case 'bool':
      return { type, shape, data: new Uint8Array(length).fill(1) }
    default:
      throw new PareError(`no values can be made up for input '${name}' of type ${type}.`, {
        hint: 'evaluate both models on data of your own.',
      })
  }
}

/**
 * A name that stands on first axes only is the batch; those of a cache are what it holds; what follows from others follows. The same name is the same
 * size everywhere.
 */
function sizesOf(
  inputs: readonly ModelValue[],
  { sizes: [batch, others, past], symbols }: Making,
): (dim: number | string, axis: number) => number {
  const cached = pastSymbols(inputs, symbols)
  const inner = new Set(inputs.flatMap(({ shape }) => shape.slice(1)))
  const first = new Set(inputs.map(({ shape }) => shape[0]))
  const isBatch = (name: string) => first.has(name) && !inner.has(name)
  const entries = symbols.free.map((name) => [name, cached.has(name) ? past : isBatch(name) ? batch : others])
  const sizes = allSizes(symbols, Object.fromEntries(entries) as Record<string, number>)
  return (dim, axis) => {
    if (!isFree(dim)) return dim
    return sizes[dim] ?? (axis === 0 ? batch : others)
  }
}

/** Symbols for the tokens that a cache holds: on inputs that hold one, or called so. */
export function pastSymbols(inputs: readonly ModelValue[], { free }: Symbols): ReadonlySet<string> {
  const isCache = ({ name, shape }: ModelValue) => /past|cache/i.test(name) && shape.length >= 4
  const elsewhere = new Set(inputs.filter((input) => !isCache(input)).flatMap(({ shape }) => shape))
  const cacheDims = inputs.filter(isCache).flatMap(({ shape }) => shape.slice(1))
  return new Set(free.filter((name) => /^past/i.test(name) || (cacheDims.includes(name) && !elsewhere.has(name))))
}

function isFree(dim: number | string): dim is string {
  return typeof dim === 'string' || dim < 0
}

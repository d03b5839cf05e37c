import { PareError } from '@pare/onnx'
import {
  type DataArray,
  describe,
  type Elements,
  type ElementType,
  fromNested,
  fromNestedText,
  isStrings,
  type NdArray,
  numbersOf,
  type SampleArrays,
  STORAGE,
  sizeOf,
} from '../ndarray.js'
import { padded, type SamplePadding } from '../padding.js'

/**
 * One sample as a JSONL line or a data module gives it: a value for each input by name, without the batch axis, and the label.
 * A value is a number, a boolean, a text, nested arrays of one of them, a typed array (one axis), or a typed array with its shape.
 */
export type Sample = Readonly<Record<string, SampleValue>>

export type SampleValue =
  | number
  | boolean
  | string
  | readonly SampleValue[]
  | ArrayBufferView
  | { readonly data: ArrayBufferView; readonly shape: readonly number[] }

/** The arrays of a sample. `where` is for messages. */
export function arraysOf(sample: Sample, where: string): SampleArrays {
  return new Map(Object.entries(sample).map(([name, value]) => [name, toArray(value, `${where}, '${name}'`)]))
}

/** The arrays of samples as arrays [samples, …], by name. `first` is the index of the first, for messages. Throws where they differ in names or shapes; those of different lengths are filled up where the padding says how. */
export function stackArrays(
  samples: readonly SampleArrays[],
  source: string,
  { first = 0, padding }: { readonly first?: number; readonly padding?: SamplePadding | undefined } = {},
): Map<string, DataArray> {
  const whole = padding === undefined ? samples : padded(samples, padding)
  const names = [...(whole[0] ?? new Map()).keys()]
  const columns = new Map<string, DataArray[]>(names.map((name) => [name, []]))
  for (const [i, sample] of whole.entries()) {
    const where = `${source}: sample ${first + i}`
    const odd = [...[...sample.keys()].filter((name) => !columns.has(name)), ...names.filter((name) => !sample.has(name))]
    if (odd.length > 0) {
      throw new PareError(`${where} has ${list([...sample.keys()])}, sample ${first} has ${list(names)}.`, {
        hint: 'give every sample the same names.',
      })
    }
    for (const [name, column] of columns) {
      const array = sample.get(name)!
      if (column.length > 0 && String(array.shape) !== String(column[0]!.shape)) {
        throw new PareError(
          `${where}: '${name}' is ${describe(array.type, array.shape)}, that of sample ${first} ${describe(column[0]!.type, column[0]!.shape)}.`,
          {
            hint: 'give every sample the same shape: pad or cut.',
          },
        )
      }
      column.push(array)
    }
  }
  return new Map([...columns].map(([name, column]) => [name, stack(column, `${source}: '${name}'`)]))
}

function list(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ') || 'nothing'
}

function toArray(value: unknown, where: string): DataArray {
  const nested = fromNested(value) ?? fromNestedText(value)
  if (nested) return nested
  if (ArrayBuffer.isView(value)) return fromTyped(value, undefined, where)
  if (isShaped(value)) return fromTyped(value.data, value.shape, where)
  throw new PareError(`${where}: ${summary(value)} is not a number, an evenly nested array of numbers, or a typed array.`, {
    hint: 'give numbers, nested evenly; text is read with a tokenizer, class names with classes.',
  })
}

function isShaped(value: unknown): value is { data: ArrayBufferView; shape: number[] } {
  if (typeof value !== 'object' || value === null) return false
  const { data, shape } = value as { data?: unknown; shape?: unknown }
  return ArrayBuffer.isView(data) && Array.isArray(shape) && shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0)
}

function fromTyped(view: ArrayBufferView, shape: readonly number[] | undefined, where: string): NdArray {
  // Halves have an array type of their own from Node 24 on; f32 holds them all.
  const half = view.constructor.name === 'Float16Array'
  const data = (half ? Float32Array.from(view as unknown as ArrayLike<number>) : view) as Elements
  const type = (Object.keys(STORAGE) as ElementType[]).find((key) => key !== 'bool' && data instanceof STORAGE[key])
  if (type === undefined)
    throw new PareError(`${where}: a ${view.constructor.name} holds no numbers.`, { hint: 'expected a typed array.' })
  if (shape && sizeOf(shape) !== data.length) {
    throw new PareError(`${where}: ${data.length} elements do not fill shape [${shape.join(', ')}].`, {
      hint: 'correct the shape.',
    })
  }
  return { type, shape: shape ?? [data.length], data }
}

function summary(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

/** Arrays of one shape along a new first axis: in their type if they share one, else f64. */
function stack(arrays: readonly DataArray[], what: string): DataArray {
  const { shape } = arrays[0]!
  const whole = [arrays.length, ...shape]
  if (arrays.every(isStrings)) return { type: 'string', shape: whole, data: arrays.flatMap(({ data }) => data) }
  const texts = arrays.findIndex(isStrings)
  if (texts >= 0)
    throw new PareError(`${what} is text in some samples and a number in others.`, { hint: 'write all as one kind.' })
  const numbers = arrays as readonly NdArray[]
  const width = sizeOf(shape)
  const type = numbers.every((array) => array.type === numbers[0]!.type) ? numbers[0]!.type : 'float64'
  const data: Elements = new STORAGE[type](arrays.length * width)
  for (const [i, array] of numbers.entries()) data.set((array.type === type ? array.data : numbersOf(array)) as never, i * width)
  return { type, shape: whole, data }
}

import { PareError } from '@pare/onnx'
import { describe, type Elements, type ElementType, fromNested, type NdArray, numbersOf, STORAGE, sizeOf } from './ndarray.js'

/**
 * One sample as a JSONL line or a data module gives it: a value for each input by name, without the batch axis, and the label.
 * A value is a number, a boolean, nested arrays of them, a typed array (one axis), or a typed array with its shape.
 */
export type Sample = Readonly<Record<string, SampleValue>>

export type SampleValue =
  | number
  | boolean
  | readonly SampleValue[]
  | ArrayBufferView
  | { readonly data: ArrayBufferView; readonly shape: readonly number[] }

/** The samples as arrays [samples, …], by name. `first` is the index of the first, for messages. Throws where they differ in names or shapes. */
export function stackSamples(samples: readonly Sample[], source: string, first = 0): Map<string, NdArray> {
  const names = Object.keys(samples[0] ?? {})
  const columns = new Map<string, NdArray[]>(names.map((name) => [name, []]))
  for (const [i, sample] of samples.entries()) {
    const where = `${source}: sample ${first + i}`
    const odd = [
      ...Object.keys(sample).filter((name) => !columns.has(name)),
      ...names.filter((name) => !Object.hasOwn(sample, name)),
    ]
    if (odd.length > 0) {
      throw new PareError(`${where} has ${list(Object.keys(sample))}, sample ${first} has ${list(names)}.`, {
        hint: 'give every sample the same names.',
      })
    }
    for (const [name, column] of columns) {
      const array = toArray(sample[name], `${where}, '${name}'`)
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
  return new Map([...columns].map(([name, column]) => [name, stack(column)]))
}

function list(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ') || 'nothing'
}

function toArray(value: unknown, where: string): NdArray {
  const nested = fromNested(value)
  if (nested) return nested
  if (ArrayBuffer.isView(value)) return fromTyped(value, undefined, where)
  if (isShaped(value)) return fromTyped(value.data, value.shape, where)
  throw new PareError(`${where}: ${summary(value)} is not a number, an evenly nested array of numbers, or a typed array.`, {
    hint: 'text and class names have to be turned into numbers first; for language models see the tokenizer option.',
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
function stack(arrays: readonly NdArray[]): NdArray {
  const { shape } = arrays[0]!
  const width = sizeOf(shape)
  const type = arrays.every((array) => array.type === arrays[0]!.type) ? arrays[0]!.type : 'float64'
  const data: Elements = new STORAGE[type](arrays.length * width)
  for (const [i, array] of arrays.entries()) data.set((array.type === type ? array.data : numbersOf(array)) as never, i * width)
  return { type, shape: [arrays.length, ...shape], data }
}

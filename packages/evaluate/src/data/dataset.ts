import { PareError, present } from '@pare/onnx'
import { canFill, fillInput } from './fill.js'
import { type Matched, type MatchOptions, matchArrays } from './match.js'
import type { ModelValue } from './model-value.js'
import { castElements, describe, type Elements, type ElementType, type NdArray, STORAGE, sizeOf } from './ndarray.js'
import { type Sample, stackSamples } from './sample.js'

/** Samples that fit the inputs of one model, read in batches and in order as often as asked. */
export interface DataSet {
  /** How many, where that is known before reading them: not for modules. */
  readonly samples?: number
  /** Arrays that are neither an input nor the label. */
  readonly ignored: readonly string[]
  /** Name of the input that holds token ids, where the model has one. */
  readonly tokens?: string
  /** Name of the array that holds the labels, where there is one. */
  readonly labelName?: string
  /** Elements of the largest input of one sample: what a sensible batch size follows from. */
  readonly sampleSize: number
  /** Shapes of the arrays of one sample, by input: without the batch. Samples that come one by one are taken to be like the first. */
  readonly sampleShapes: Readonly<Record<string, readonly number[]>>
  /** Batches of `size` samples; the last may be smaller. */
  batches(size: number): AsyncIterable<Batch>
  /** Samples by number, in this order, as a batch; `first` is the first of them. Absent where samples come one by one: see `inMemory`. */
  pick?(samples: ArrayLike<number>): Batch
}

/** Samples in memory, which can be had in any order. */
export type Samples = Required<Pick<DataSet, 'samples' | 'pick'>> & DataSet

export interface Batch {
  /** Index of the first sample. */
  readonly first: number
  readonly size: number
  /** The arrays of the data by name, in the inputs' types, [size, …]. `inputsFor` adds what follows from the token ids. */
  readonly inputs: Readonly<Record<string, NdArray>>
  /** Name of the input that holds token ids. */
  readonly tokens?: string
  /** [size, …]. */
  readonly label?: NdArray
  /** bool[size, seq]: 1 where a token counts as a prediction. Undefined: as the attention mask says. */
  readonly scored?: NdArray
}

/** A data set of arrays in memory. */
export function arrayDataSet(matched: Matched): DataSet {
  return {
    samples: matched.samples,
    ignored: matched.ignored,
    ...{ sampleSize: sampleSize(matched), sampleShapes: sampleShapes(matched) },
    ...present({ tokens: matched.tokens, labelName: matched.labelName }),
    async *batches(size) {
      for (let first = 0; first < matched.samples; first += size) {
        yield slice(matched, first, Math.min(size, matched.samples - first))
      }
    },
    pick: (samples) => gather(matched, samples),
  }
}

/** A data set as it is, where its samples are in memory, else with all of them read. Throws PareError where there are none. */
export async function inMemory(data: DataSet, inputs: readonly ModelValue[]): Promise<Samples> {
  if (data.pick !== undefined) return data as Samples
  const batches: Batch[] = []
  for await (const batch of data.batches(READ_AT_ONCE)) batches.push(batch)
  const [head] = batches
  if (head === undefined) throw new PareError('there are no samples.', { hint: 'give at least one.' })
  const bound = inputs.flatMap((input) => {
    const parts = batches.map((batch) => batch.inputs[input.name])
    return parts[0] === undefined ? [] : [{ input, array: joined(parts as NdArray[]) }]
  })
  const samples = batches.reduce((sum, { size }) => sum + size, 0)
  const label = head.label && joined(batches.map((batch) => batch.label!))
  const { ignored, tokens } = data
  return arrayDataSet({ samples, bound, ignored, ...present({ tokens, label }) }) as Samples
}

const READ_AT_ONCE = 256

function joined(parts: readonly NdArray[]): NdArray {
  const [head] = parts as [NdArray]
  if (head.shape.length === 0) return head
  const data: Elements = new STORAGE[head.type](parts.reduce((sum, part) => sum + part.data.length, 0))
  let at = 0
  for (const part of parts) {
    data.set(part.data as never, at)
    at += part.data.length
  }
  return { ...head, shape: [parts.reduce((sum, { shape }) => sum + shape[0]!, 0), ...head.shape.slice(1)], data }
}

/** A data set of samples that come one by one. Reads the first sample to see what it holds. */
export async function sampleDataSet(read: () => AsyncIterable<Sample>, source: string, options: MatchOptions): Promise<DataSet> {
  const match = (samples: readonly Sample[], first: number) =>
    matchArrays(
      stackSamples(samples, source, first),
      samples.length === 1 ? `${source}: sample ${first}` : `${source}: samples ${first} to ${first + samples.length - 1}`,
      options,
    )
  // A generator can be read only once: what was peeked at is the first reading's.
  let peeked: AsyncIterator<Sample> | undefined = read()[Symbol.asyncIterator]()
  const head = await peeked.next()
  const matched = match(head.done ? [] : [head.value], 0)
  return {
    ignored: matched.ignored,
    ...{ sampleSize: sampleSize(matched), sampleShapes: sampleShapes(matched) },
    ...present({ tokens: matched.tokens, labelName: matched.labelName }),
    async *batches(size) {
      const iterator = peeked ?? read()[Symbol.asyncIterator]()
      const samples: Sample[] = peeked && !head.done ? [head.value] : []
      peeked = undefined
      for (let first = 0; ; ) {
        const next = await iterator.next()
        if (!next.done) samples.push(next.value)
        if (samples.length === 0) return
        if (next.done || samples.length >= size) {
          const count = Math.min(size, samples.length)
          yield { ...slice(match(samples.splice(0, count), first), 0, count), first }
          first += count
        }
      }
    },
  }
}

/** The batch filled up to `size` by repeating its last sample. What is computed for the repeats is to be dropped. */
export function padBatch(batch: Batch, size: number): Batch {
  if (batch.size === size) return batch
  const pad = (array: NdArray): NdArray => {
    if (array.shape.length === 0) return array
    const width = array.data.length / batch.size
    const data: Elements = new STORAGE[array.type](width * size)
    data.set(array.data as never)
    for (let row = batch.size; row < size; row++) data.copyWithin(row * width, (batch.size - 1) * width, batch.size * width)
    return { ...array, shape: [size, ...array.shape.slice(1)], data }
  }
  return { ...batch, size, inputs: Object.fromEntries(Object.entries(batch.inputs).map(([name, array]) => [name, pad(array)])) }
}

/** The inputs of the first `size` samples of a batch. */
export function firstOf({ label: _, scored: __, ...batch }: Batch, size: number): Batch {
  if (batch.size === size) return batch
  const shorten = ({ type, shape, data }: NdArray): NdArray =>
    shape.length === 0
      ? { type, shape, data }
      : { type, shape: [size, ...shape.slice(1)], data: data.slice(0, (data.length / batch.size) * size) as Elements }
  return {
    ...batch,
    size,
    inputs: Object.fromEntries(Object.entries(batch.inputs).map(([name, array]) => [name, shorten(array)])),
  }
}

/** The batch's values for all inputs of a model, in its order: arrays as they are, and what follows from the token ids filled in. */
export function inputsFor(inputs: readonly ModelValue[], { inputs: arrays, size, tokens }: Batch): Record<string, NdArray> {
  const ids = tokens === undefined ? undefined : arrays[tokens]
  const mask = arrays.attention_mask
  return Object.fromEntries(
    inputs.map((input) => {
      const array = arrays[input.name]
      if (array) return [input.name, array]
      if (ids && canFill(input)) return [input.name, fillInput(input, { size, seq: ids.shape[1]!, ...present({ mask }) })]
      throw new PareError(`input '${input.name}' ${describe(input.type, input.shape)} is not in the data.`, {
        hint: 'reference and pruned model must have the same inputs.',
      })
    }),
  )
}

function slice(matched: Matched, first: number, size: number): Batch {
  return batchOf(matched, { first, size }, (array, width) => ({ array, range: [first * width, (first + size) * width] }))
}

function gather(matched: Matched, samples: ArrayLike<number>): Batch {
  const size = samples.length
  return batchOf(matched, { first: samples[0] ?? 0, size }, (array, width) => {
    const data: Elements = new STORAGE[array.type](size * width)
    for (let row = 0; row < size; row++) {
      const start = samples[row]! * width
      data.set(array.data.subarray(start, start + width) as never, row * width)
    }
    return { array: { ...array, data }, range: [0, size * width] }
  })
}

/** What of an array belongs to a batch: a stretch of it, or of another one with the same type. */
type Rows = (array: NdArray, width: number) => { readonly array: NdArray; readonly range: readonly [number, number] }

function batchOf(matched: Matched, { first, size }: { first: number; size: number }, rowsOf: Rows): Batch {
  const rows = (array: NdArray, type: ElementType = array.type): NdArray => {
    if (array.shape.length === 0) return { type, shape: [], data: castElements(array, type, [0, 1]) }
    const source = rowsOf(array, sizeOf(array.shape.slice(1)))
    return { type, shape: [size, ...array.shape.slice(1)], data: castElements(source.array, type, source.range) }
  }
  const inputs = Object.fromEntries(matched.bound.map(({ input, array }) => [input.name, rows(array, input.type as ElementType)]))
  return {
    first,
    size,
    inputs,
    ...present({ tokens: matched.tokens, labelName: matched.labelName }),
    ...(matched.label && { label: rows(matched.label) }),
    ...(matched.scored && { scored: rows(matched.scored) }),
  }
}

function sampleShapes({ bound }: Matched): Record<string, readonly number[]> {
  return Object.fromEntries(bound.map(({ input, array }) => [input.name, array.shape.slice(1)]))
}

function sampleSize({ bound }: Matched): number {
  return Math.max(1, ...bound.map(({ array }) => sizeOf(array.shape.slice(1))))
}

import { PareError, present } from '@pare/onnx'
import { canFill, fillInput } from './fill.js'
import type { DataMatch } from './match.js'
import type { ModelValue } from './model-value.js'
import {
  castElements,
  type DataArray,
  describe,
  type Elements,
  type ElementType,
  isStrings,
  type NdArray,
  STORAGE,
  type StringArray,
  sizeOf,
} from './ndarray.js'
import type { ChoiceQuestion, TextPair, WritingPrompt } from './questions/question.js'
import type { ColumnNames, ColumnValues } from './rows/columns.js'

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
  /** What labels are that are read from files: classes of pixels, of as many pixels as the input has. Default: they are none */
  readonly holds?: 'masks'
  /** The columns that say something of the samples besides inputs and labels. Their values are in the batches. */
  readonly columnNames: ColumnNames
  /** The names of the classes in the order of their numbers, where something tells them. Default: nothing does */
  findClasses?(): Promise<{ readonly names: readonly string[] } | undefined>
  /** What was decided for want of a word from the user, in sentences. */
  readonly notes: readonly string[]
  /** Samples of a batch at most where nobody says: of what takes long, so that it shows how far things are. Default: as many as have room */
  readonly mostAtOnce?: number
  /** Elements of the largest input of one sample: what a sensible batch size follows from. */
  readonly sampleSize: number
  /** Shapes of the arrays of one sample, by input: without the batch. Samples that come one by one are taken to be like the first. */
  readonly sampleShapes: Readonly<Record<string, readonly number[]>>
  /** Batches of `size` samples; the last may be smaller, and those before samples of another shape. */
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
  /** What a language model is asked, in the place of inputs: the rows that it is given follow from it. */
  readonly questions?: readonly ChoiceQuestion[]
  /** The same where it writes the answers. */
  readonly prompts?: readonly WritingPrompt[]
  /** Two texts of each sample, to be encoded each on its own. */
  readonly pairs?: readonly TextPair[]
  /** The arrays of inputs of text. */
  readonly strings?: Readonly<Record<string, StringArray>>
  /** Name of the input that holds token ids. */
  readonly tokens?: string
  /** Columns that were asked for, and text of labels: [size] each, by name. */
  readonly columns?: ColumnValues
  /** [size, …]. */
  readonly label?: NdArray
  /** Whether labels are masks, to be brought to the size of the output. Default: they are not */
  readonly isMasked?: boolean
  /** bool[size, seq]: 1 where a token counts as a prediction. Undefined: as the attention mask says. */
  readonly scored?: NdArray
}

/** A data set of arrays in memory. */
export function arrayDataSet(matched: DataMatch, notes: readonly string[] = []): DataSet {
  return {
    samples: matched.samples,
    notes,
    ...describeSamples(matched),
    async *batches(size) {
      for (let first = 0; first < matched.samples; first += size) {
        yield slice(matched, first, Math.min(size, matched.samples - first))
      }
    },
    pick: (samples) => gather(matched, samples),
  }
}

/** What is common to all samples, seen at the first of them. */
export function describeSamples(matched: DataMatch) {
  const { ignored, columnNames } = matched
  return {
    ...{ ignored, columnNames, sampleSize: sampleSize(matched), sampleShapes: sampleShapes(matched) },
    ...present({ tokens: matched.tokens, labelName: matched.labelName }),
  }
}

/** The first samples of what was matched, as a batch. */
export function batchFrom(matched: DataMatch, first: number): Batch {
  return { ...slice(matched, 0, matched.samples), first }
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
  const padText = (array: StringArray): StringArray => {
    const width = array.data.length / batch.size
    const last = array.data.slice((batch.size - 1) * width)
    const data = [...array.data, ...Array.from({ length: size - batch.size }, () => last).flat()]
    return { ...array, shape: [size, ...array.shape.slice(1)], data }
  }
  return {
    ...batch,
    size,
    inputs: mapped(batch.inputs, pad),
    ...(batch.strings && { strings: mapped(batch.strings, padText) }),
  }
}

/** The inputs of the first `size` samples of a batch. */
export function firstOf({ label: _, scored: __, columns: ___, ...batch }: Batch, size: number): Batch {
  if (batch.size === size) return batch
  const shorten = ({ type, shape, data }: NdArray): NdArray =>
    shape.length === 0
      ? { type, shape, data }
      : { type, shape: [size, ...shape.slice(1)], data: data.slice(0, (data.length / batch.size) * size) as Elements }
  return {
    ...batch,
    size,
    inputs: mapped(batch.inputs, shorten),
    ...(batch.questions && { questions: batch.questions.slice(0, size) }),
    ...(batch.prompts && { prompts: batch.prompts.slice(0, size) }),
    ...(batch.pairs && { pairs: batch.pairs.slice(0, size) }),
    ...(batch.strings && {
      strings: mapped(batch.strings, ({ shape, data, type }) => ({
        ...{ type, shape: [size, ...shape.slice(1)], data: data.slice(0, (data.length / batch.size) * size) },
      })),
    }),
  }
}

/** These samples of a batch, by their place in it, with all that is known of them. */
export function takeRows({ label, scored, columns, ...batch }: Batch, rows: readonly number[]): Batch {
  const of = (array: NdArray): NdArray => {
    if (array.shape.length === 0) return array
    const width = array.data.length / batch.size
    const data: Elements = new STORAGE[array.type](rows.length * width)
    for (const [to, from] of rows.entries()) data.set(array.data.subarray(from * width, (from + 1) * width) as never, to * width)
    return { ...array, shape: [rows.length, ...array.shape.slice(1)], data }
  }
  const ofTexts = (array: StringArray): StringArray => {
    if (array.shape.length === 0) return array
    const width = array.data.length / batch.size
    const data = rows.flatMap((row) => array.data.slice(row * width, (row + 1) * width))
    return { ...array, shape: [rows.length, ...array.shape.slice(1)], data }
  }
  return {
    ...batch,
    size: rows.length,
    inputs: mapped(batch.inputs, of),
    ...(batch.questions && { questions: rows.map((row) => batch.questions![row]!) }),
    ...(batch.prompts && { prompts: rows.map((row) => batch.prompts![row]!) }),
    ...(batch.pairs && { pairs: rows.map((row) => batch.pairs![row]!) }),
    ...(batch.strings && { strings: mapped(batch.strings, ofTexts) }),
    ...(label && { label: of(label) }),
    ...(scored && { scored: of(scored) }),
    ...(columns && { columns: mapped(columns, (values) => rows.map((row) => values[row]!)) }),
  }
}

function mapped<Value>(values: Readonly<Record<string, Value>>, change: (value: Value) => Value): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]))
}

/** The batch's values for all inputs of a model that are no text, in its order: arrays as they are, and what follows from the token ids filled in. */
export function inputsFor(inputs: readonly ModelValue[], { inputs: arrays, size, tokens }: Batch): Record<string, NdArray> {
  const ids = tokens === undefined ? undefined : arrays[tokens]
  const mask = arrays.attention_mask
  return Object.fromEntries(
    inputs
      .filter(({ type }) => type !== 'string')
      .map((input) => {
        const array = arrays[input.name]
        if (array) return [input.name, array]
        if (ids && canFill(input)) return [input.name, fillInput(input, { size, seq: ids.shape[1]!, ...present({ mask }) })]
        throw new PareError(`input '${input.name}' ${describe(input.type, input.shape)} is not in the data.`, {
          hint: 'reference and pruned model must have the same inputs.',
        })
      }),
  )
}

/** The same with inputs of text. */
export function allInputsFor(inputs: readonly ModelValue[], batch: Batch): Record<string, DataArray> {
  const texts = inputs
    .filter(({ type }) => type === 'string')
    .map((input) => {
      const array = batch.strings?.[input.name]
      if (array) return [input.name, array] as const
      throw new PareError(`input '${input.name}' ${describe(input.type, input.shape)} is not in the data.`, {
        hint: 'reference and pruned model must have the same inputs.',
      })
    })
  return { ...inputsFor(inputs, batch), ...Object.fromEntries(texts) }
}

function slice(matched: DataMatch, first: number, size: number): Batch {
  return batchOf(
    matched,
    { first, size },
    {
      rows: (array, width) => ({ array, range: [first * width, (first + size) * width] }),
      items: (list, width) => list.slice(first * width, (first + size) * width),
    },
  )
}

function gather(matched: DataMatch, samples: ArrayLike<number>): Batch {
  const size = samples.length
  return batchOf(
    matched,
    { first: samples[0] ?? 0, size },
    {
      rows(array, width) {
        const data: Elements = new STORAGE[array.type](size * width)
        for (let row = 0; row < size; row++) {
          const start = samples[row]! * width
          data.set(array.data.subarray(start, start + width) as never, row * width)
        }
        return { array: { ...array, data }, range: [0, size * width] }
      },
      items: (list, width) => Array.from(samples, (row) => list.slice(row * width, (row + 1) * width)).flat(),
    },
  )
}

/** What belongs to a batch. */
interface Choice {
  /** Of an array: a stretch of it, or of another one with the same type. */
  rows(array: NdArray, width: number): { readonly array: NdArray; readonly range: readonly [number, number] }
  items<Item>(list: readonly Item[], width: number): Item[]
}

function batchOf(matched: DataMatch, { first, size }: { first: number; size: number }, choice: Choice): Batch {
  const rows = (array: NdArray, type: ElementType = array.type): NdArray => {
    if (array.shape.length === 0) return { type, shape: [], data: castElements(array, type, [0, 1]) }
    const source = choice.rows(array, sizeOf(array.shape.slice(1)))
    return { type, shape: [size, ...array.shape.slice(1)], data: castElements(source.array, type, source.range) }
  }
  const texts = (array: StringArray): StringArray => ({
    ...{ type: 'string', shape: array.shape.length === 0 ? [] : [size, ...array.shape.slice(1)] },
    data: array.shape.length === 0 ? array.data : choice.items(array.data, sizeOf(array.shape.slice(1))),
  })
  const inputs = Object.fromEntries(
    matched.bound.flatMap(({ input, array }) =>
      isStrings(array) ? [] : [[input.name, rows(array, input.type as ElementType)] as const],
    ),
  )
  const strings = matched.bound.flatMap(({ input, array }) => (isStrings(array) ? [[input.name, texts(array)] as const] : []))
  const columns = Object.entries(matched.columns).map(([name, values]) => [name, choice.items(values, 1)] as const)
  return {
    ...{ first, size, inputs },
    ...(strings.length > 0 && { strings: Object.fromEntries(strings) }),
    ...(columns.length > 0 && { columns: Object.fromEntries(columns) }),
    ...present({ tokens: matched.tokens, labelName: matched.labelName }),
    ...(matched.label && { label: rows(matched.label) }),
    ...(matched.scored && { scored: rows(matched.scored) }),
  }
}

function sampleShapes({ bound }: DataMatch): Record<string, readonly number[]> {
  return Object.fromEntries(bound.map(({ input, array }) => [input.name, array.shape.slice(1)]))
}

function sampleSize({ bound }: DataMatch): number {
  return Math.max(1, ...bound.map(({ array }) => sizeOf(array.shape.slice(1))))
}

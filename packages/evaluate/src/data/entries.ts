import { PareError, present } from '@pare/onnx'
import { arrayDataSet, type Batch, batchFrom, type DataSet, describeSamples, type Samples } from './dataset.js'
import type { Placement } from './images/placement.js'
import { joinBoxes, padBoxes } from './labels/box-labels.js'
import { type FindClasses, numbered } from './labels/labels.js'
import { type DataMatch, type Extra, labelNameOf, type MatchOptions, matchArrays } from './match.js'
import type { ModelValue } from './model-value.js'
import { type DataArray, type Elements, isStrings, type NdArray, type SampleArrays, STORAGE } from './ndarray.js'
import { paddingFor, type SamplePadding } from './padding.js'
import { ID_NAMES, namesIn } from './rows/columns.js'
import { stackArrays } from './rows/sample.js'

/** One sample, ready to be put beside others. */
export interface SampleEntry {
  readonly arrays: SampleArrays
  /** Values of columns, by name. */
  readonly columns: Readonly<Record<string, string | number>>
  /** Where its only image went. Default: it has none, or several */
  readonly placement?: Placement
}

/** Samples that come one by one. */
export interface EntrySource {
  /** As messages call it. */
  readonly name: string
  /** How many, where that is known before reading them. */
  readonly samples?: number
  /** Columns that inputs are made of, and that are not told of as ignored. */
  readonly used?: readonly string[]
  /** All names that a user may ask for as columns. */
  readonly columnNames: readonly string[]
  /** The column with the groups that the format knows itself. */
  readonly group?: string
  /** What is wrong where there is no sample. Default: 'no rows' */
  readonly empty?: string
  /** Whether what fills up does not count, with a mask or without one: windows of text. */
  readonly isFilled?: boolean
  /** The token that fills up. */
  readonly pad?: number
  /** Whether they fit into memory. */
  readonly isSmall: boolean
  /** What labels are that are read from files. Default: they are none */
  readonly holds?: 'masks'
  readonly notes: readonly string[]
  read(): AsyncIterable<SampleEntry>
}

interface EntryOptions extends MatchOptions {
  readonly findClasses: FindClasses
}

/** A data set of samples that come one by one. Small ones are read at once, and all that is wrong with them is said before anything runs. */
export async function entryDataSet(source: EntrySource, options: EntryOptions): Promise<DataSet> {
  const own = options.boxLabels === true ? withBoxes(source, options.findClasses) : source
  return own.isSmall ? await heldDataSet(own, options) : await streamedDataSet(own, options)
}

/** Entries whose boxes are one array, where their image is, with numbers of classes that are named. */
function withBoxes(source: EntrySource, findClasses: FindClasses): EntrySource {
  return {
    ...source,
    async *read() {
      for await (const entry of source.read()) {
        const arrays = new Map(entry.arrays)
        for (const name of ['labels', 'category_id']) {
          const classes = arrays.get(name)
          if (classes !== undefined && isStrings(classes))
            arrays.set(name, await numbered(classes, `${source.name}: '${name}'`, findClasses))
        }
        yield { ...entry, arrays: joinBoxes(arrays, source.name, entry.placement) }
      }
    },
  }
}

async function heldDataSet(source: EntrySource, options: EntryOptions): Promise<DataSet> {
  const entries: SampleEntry[] = []
  for await (const entry of source.read()) entries.push(entry)
  if (entries.length === 0) throw new PareError(`${source.name}: ${source.empty ?? 'no rows'}.`, { hint: 'give more data.' })
  const padding = paddingOf(source, entries[0], options)
  if (padding !== undefined || !entries.some((entry) => !isLike(entry, entries[0]!, options))) {
    const matched = await matchEntries(entries, { source, options, padding, first: 0 })
    const notes = isRagged(entries, padding) ? [...source.notes, PADDED] : source.notes
    return arrayDataSet(matched, notes)
  }
  const samples = { ...source, samples: entries.length, notes: [...source.notes, ONE_SHAPE] }
  return streamedDataSet(
    {
      ...samples,
      read: async function* () {
        yield* entries
      },
    },
    options,
  )
}

/** Reads the first sample to see what they hold. */
async function streamedDataSet(source: EntrySource, options: EntryOptions): Promise<DataSet> {
  // A generator can be read only once: what was peeked at is the first reading's.
  let peeked: AsyncIterator<SampleEntry> | undefined = source.read()[Symbol.asyncIterator]()
  const head = await peeked.next()
  const padding = paddingOf(source, head.done ? undefined : head.value, options)
  const matched = await matchEntries(head.done ? [] : [head.value], { source, options, padding, first: 0 })
  return {
    ...describeSamples(matched),
    notes: source.notes,
    ...present({ samples: source.samples }),
    async *batches(size) {
      const iterator = peeked ?? source.read()[Symbol.asyncIterator]()
      const waiting: SampleEntry[] = peeked && !head.done ? [head.value] : []
      peeked = undefined
      for (let first = 0; ; ) {
        const next = waiting.length > size ? { done: false as const } : await iterator.next()
        if ('value' in next && !next.done) waiting.push(next.value)
        if (waiting.length === 0) return
        const run = padding === undefined ? runOf(waiting, options) : waiting.length
        const count = Math.min(size, run)
        if (!(next.done || count < waiting.length || count === size)) continue
        yield batchFrom(await matchEntries(waiting.splice(0, count), { source, options, padding, first }), first)
        first += count
      }
    },
  }
}

/** How many of the first samples have one shape. */
function runOf(entries: readonly SampleEntry[], options: MatchOptions): number {
  const other = entries.findIndex((entry) => !isLike(entry, entries[0]!, options))
  return other < 0 ? entries.length : other
}

/** Whether two samples have the same names, and shapes that differ in lengths at most. What differs otherwise is an error of its own. */
function isLike(entry: SampleEntry, other: SampleEntry, { inputs }: MatchOptions): boolean {
  return inputs.every(({ name, shape }) => {
    const [own, theirs] = [entry.arrays.get(name)?.shape, other.arrays.get(name)?.shape]
    if (own === undefined || theirs === undefined || own.length !== theirs.length) return true
    return own.every((size, axis) => size === theirs[axis] || typeof shape[axis + 1] === 'number')
  })
}

function isRagged(entries: readonly SampleEntry[], padding: SamplePadding | undefined): boolean {
  if (padding === undefined) return false
  const lengths = new Set(entries.map(({ arrays }) => arrays.get(padding.masked)?.shape[0]))
  return lengths.size > 1
}

const PADDED = 'samples of different lengths are filled up to the longest of a batch, and masked'
const ONE_SHAPE =
  'samples have different shapes, and the model has no mask for filling: those that follow each other with one shape run together'

function paddingOf(
  { pad, isFilled }: EntrySource,
  head: SampleEntry | undefined,
  options: MatchOptions,
): SamplePadding | undefined {
  const label = head && labelNameOf([...head.arrays.keys()], options)
  return paddingFor(options.inputs, { ...present({ pad, isFilled }), label })
}

interface MatchPlace {
  readonly source: EntrySource
  readonly options: EntryOptions
  readonly padding: SamplePadding | undefined
  readonly first: number
}

async function matchEntries(
  entries: readonly SampleEntry[],
  { source, options, padding, first }: MatchPlace,
): Promise<DataMatch> {
  const own = entries.map((entry) => entry.arrays)
  const arrays = stackArrays(options.boxLabels === true ? padBoxes(own) : own, source.name, { first, padding })
  const last = first + entries.length - 1
  const where = source.isSmall
    ? source.name
    : entries.length === 1
      ? `${source.name}: sample ${first}`
      : `${source.name}: samples ${first} to ${last}`
  const scored = arrays.get('scored')
  const names = new Set(options.inputs.map(({ name }) => name))
  if (scored !== undefined && !names.has('attention_mask')) arrays.delete('attention_mask')
  const kept = [...new Set(entries.flatMap(({ columns }) => Object.keys(columns)))]
  const columns = Object.fromEntries(kept.map((name) => [name, entries.map((entry) => entry.columns[name] ?? '')]))
  const extra = { columns, names: source.columnNames, ...present({ group: source.group, used: source.used }) }
  const matched = await matchNumbered(arrays, where, { options, extra })
  return scored === undefined || isStrings(scored) ? matched : { ...matched, scored }
}

/** Arrays matched to the inputs, with labels that are text as the numbers of their classes. */
export async function matchNumbered(
  arrays: Map<string, DataArray>,
  where: string,
  { options, extra = { columns: {}, names: [] } }: { readonly options: EntryOptions; readonly extra?: Extra },
): Promise<DataMatch> {
  const name = labelNameOf([...arrays.keys()], options)
  const label = name === undefined ? undefined : arrays.get(name)
  if (name === undefined || label === undefined) return matchArrays(arrays, where, options, extra)
  // Corners are no classes.
  if (options.boxLabels === true && !isStrings(label)) return matchArrays(arrays, where, options, extra)
  if (!isStrings(label)) {
    const numbers = await numbered(label, `${where}: labels '${name}'`, options.findClasses)
    return matchArrays(numbers === label ? arrays : new Map([...arrays, [name, numbers]]), where, options, extra)
  }
  if (options.textLabels === true && label.shape.length === 1) {
    const rest = new Map([...arrays].filter(([key]) => key !== name))
    const { label: _, ...others } = options
    const columns = { ...extra.columns, [name]: label.data }
    return { ...matchArrays(rest, where, others, { ...extra, columns, names: [...extra.names, name] }), labelName: name }
  }
  const numbers = await numbered(label, `${where}: labels '${name}'`, options.findClasses)
  const columns = label.shape.length === 1 ? { ...extra.columns, [name]: label.data } : extra.columns
  return matchArrays(new Map([...arrays, [name, numbers]]), where, options, { ...extra, columns })
}

/** Columns of which each sample keeps its value. */
export function keptNames(options: MatchOptions): ReadonlySet<string> {
  const inputs = new Set(options.inputs.map(({ name }) => name))
  return new Set([...namesIn(options), ...ID_NAMES.filter((name) => !inputs.has(name))])
}

/** A data set as it is, where its samples are in memory, else with all of them read. Throws PareError where there are none, and where their shapes differ. */
export async function inMemory(data: DataSet, inputs: readonly ModelValue[]): Promise<Samples> {
  if (data.pick !== undefined) return data as Samples
  const batches: Batch[] = []
  const size = Math.max(1, Math.min(READ_AT_ONCE, Math.floor(ELEMENTS_AT_ONCE / data.sampleSize)))
  for await (const batch of data.batches(size)) batches.push(batch)
  const [head] = batches
  if (head === undefined) throw new PareError('there are no samples.', { hint: 'give at least one.' })
  const padding = paddingFor(inputs, { label: data.labelName })
  const bound = inputs.flatMap((input) => {
    const parts = batches.map((batch) => batch.inputs[input.name])
    return parts[0] === undefined
      ? []
      : [{ input, array: joined(parts as NdArray[], { name: input.name, pad: padding?.values.get(input.name) }) }]
  })
  const samples = batches.reduce((sum, batch) => sum + batch.size, 0)
  const label =
    head.label &&
    joined(
      batches.map((batch) => batch.label!),
      { name: 'label', pad: padding && -100 },
    )
  const scored =
    head.scored &&
    joined(
      batches.map((batch) => batch.scored!),
      { name: 'scored', pad: 0 },
    )
  const { ignored, tokens, labelName, columnNames, notes } = data
  const columns = Object.fromEntries(
    Object.keys(head.columns ?? {}).map((name) => [name, batches.flatMap((batch) => batch.columns?.[name] ?? [])]),
  )
  const matched = { samples, bound, ignored, columnNames, columns, ...present({ tokens, labelName, label, scored }) }
  return arrayDataSet(matched, notes) as Samples
}

const READ_AT_ONCE = 256
const ELEMENTS_AT_ONCE = 2 ** 24

function joined(parts: readonly NdArray[], { name, pad }: { readonly name: string; readonly pad: number | undefined }): NdArray {
  const [head] = parts as [NdArray]
  if (head.shape.length === 0) return head
  const inner = head.shape.slice(1).map((_, axis) => parts.reduce((most, { shape }) => Math.max(most, shape[axis + 1]!), 0))
  const isEven = parts.every(({ shape }) => String(shape.slice(1)) === String(inner))
  if (!isEven && (pad === undefined || inner.length !== 1)) {
    throw new PareError(`'${name}' has samples of different shapes, and the model has no mask for filling.`, {
      hint: 'give every sample the same shape: pad or cut.',
    })
  }
  const count = parts.reduce((sum, { shape }) => sum + shape[0]!, 0)
  const width = inner.reduce((product, dim) => product * dim, 1)
  const data: Elements = new STORAGE[head.type](count * width)
  if (!isEven && pad) data.fill((data instanceof BigInt64Array ? BigInt(pad) : pad) as never)
  let row = 0
  for (const part of parts) {
    const own = part.data.length / part.shape[0]!
    if (isEven) data.set(part.data as never, row * width)
    else for (let i = 0; i < part.shape[0]!; i++) data.set(part.data.subarray(i * own, (i + 1) * own) as never, (row + i) * width)
    row += part.shape[0]!
  }
  return { ...head, shape: [count, ...inner], data }
}

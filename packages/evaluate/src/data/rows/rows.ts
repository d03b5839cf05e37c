import { basename, resolve } from 'node:path'
import { PareError, present } from '@pare/onnx'
import type { EntrySource, SampleEntry } from '../entries.js'
import { keptNames } from '../entries.js'
import { readWhole } from '../file.js'
import { canFill } from '../fill.js'
import { IMAGE_FILE, SOUND_FILE } from '../formats.js'
import type { ImageOptions } from '../images/image-options.js'
import { imageReader, PIXEL_MASK, takesImages } from '../images/images.js'
import type { Placement } from '../images/placement.js'
import { stepsOf } from '../images/steps.js'
import { BOX_ARRAYS, emptyBoxes } from '../labels/box-labels.js'
import { labelNameOf, type MatchOptions } from '../match.js'
import type { ModelValue } from '../model-value.js'
import { type DataArray, describe, isElementType, isInteger } from '../ndarray.js'
import { soundReader, takesSound } from '../sounds/sound.js'
import { cellReader } from '../tables/cells.js'
import { type Row, SMALL_BYTES, type Table } from '../tables/table.js'
import type { TextOptions } from '../text/text-options.js'
import { isTextRow, textReader } from '../text/text-rows.js'
import { cellOf } from './columns.js'
import { type Boundary, insideOf } from './inside.js'
import { arraysOf, type Sample } from './sample.js'

export interface RowOptions extends MatchOptions {
  readonly text?: TextOptions
  readonly image?: ImageOptions
  readonly boundary: Boundary
  /** The preprocessor_config.json beside model or data. */
  findPreprocessor(): Promise<{ readonly path: string; readonly content: Readonly<Record<string, unknown>> } | undefined>
  /** What is larger is streamed. Default: 64 MiB */
  readonly smallBytes?: number
}

/** The samples of a table: its rows, each as what the model takes. How rows are read is decided by the first of them. */
export async function rowSource(table: Table, options: RowOptions): Promise<EntrySource> {
  const first = await firstRow(table)
  const label = labelNameOf(Object.keys(first.values), options) ?? 'label'
  const isSmall = table.bytes <= (options.smallBytes ?? SMALL_BYTES)
  const common = { name: table.name, isSmall, notes: table.notes ?? [], columnNames: Object.keys(first.values) }
  if (options.text !== undefined && isTextRow(first, { inputs: options.inputs, label, field: options.text.field })) {
    const reader = await textReader(options.text, { table, first, label, inputs: options.inputs, boundary: options.boundary })
    const { pad, isCut, isFilled, group } = reader
    return {
      ...common,
      ...{ pad, isFilled, columnNames: [...common.columnNames, group], used: [...common.columnNames, group] },
      empty: isCut ? 'no window of two tokens or more' : 'no rows',
      ...(isCut ? { group } : present({ samples: table.rows })),
      async *read() {
        let index = 0
        for await (const row of table.read()) yield* await reader.entries(row, index++)
      },
    }
  }
  const { read, used } = await plainReader(table, { first, label, options })
  return {
    ...common,
    used,
    ...present({ samples: table.rows }),
    async *read() {
      for await (const row of table.read()) yield await read(row)
    },
  }
}

async function firstRow(table: Table): Promise<Row> {
  for await (const row of table.read()) return row
  return { where: table.name, values: {} }
}

/** A column of files, and what makes an input of them. */
interface FileColumn {
  readonly column: string
  read(row: Row): Promise<FileArrays>
}

/** What is made of a file: the input, and where it is no filling. */
interface FileArrays {
  readonly array: DataArray
  readonly mask?: DataArray
  readonly placement?: Placement
}

type ReadFile = (bytes: Uint8Array, where: string) => Promise<FileArrays>

/** Rows of numbers, images and sounds. */
async function plainReader(
  table: Table,
  { first, label, options }: { readonly first: Row; readonly label: string; readonly options: RowOptions },
): Promise<{ readonly used: readonly string[]; read(row: Row): Promise<SampleEntry> }> {
  const { inputs } = options
  const readers = new Map<string, FileColumn>()
  for (const input of inputs.filter((each) => !canFill(each) && each.name !== PIXEL_MASK)) {
    const file = await fileReader(table, { first, input, options })
    if (file !== undefined) readers.set(input.name, file)
  }
  const hasMask = readers.size > 0 && inputs.some(({ name }) => name === PIXEL_MASK)
  const taken = new Set(
    inputs.filter(({ name }) => readers.has(name) || (hasMask && name === PIXEL_MASK)).map(({ name }) => name),
  )
  const kept = keptNames(options)
  const open = inputs.filter(({ name }) => !taken.has(name))
  const header = table.header ?? featureColumns(first, { label, kept, inputs: open })
  const numbers = header && cellReader(header, { table, label, kept, inputs: open })
  if (options.text === undefined && taken.size === 0) refuseText(first, { table, inputs })
  const used = [...readers.values()].map(({ column }) => column)
  const readRow = async (row: Row) => {
    const arrays = new Map<string, DataArray>()
    const placements: Placement[] = []
    for (const [name, { read }] of readers) {
      const { array, mask, placement } = await read(row)
      arrays.set(name, array)
      if (placement !== undefined) placements.push(placement)
      if (hasMask && mask !== undefined) arrays.set(PIXEL_MASK, mask)
    }
    if (numbers !== undefined) for (const [name, array] of numbers.read(written(row, header))) arrays.set(name, array)
    else {
      const own = open.filter(({ name }) => row.values[name] !== undefined)
      const sample = Object.fromEntries(own.map(({ name }) => [name, row.values[name]]))
      const labels = label in row.values ? { [label]: labelValue(row.values[label]) } : {}
      const boxes = options.boxLabels === true ? boxesIn(row) : {}
      for (const name of Object.keys(boxes).filter((each) => boxes[each]?.length === 0)) arrays.set(name, emptyBoxes(name))
      const values = Object.entries({ ...sample, ...labels, ...boxes }).filter(([name]) => !arrays.has(name))
      for (const [name, array] of arraysOf(Object.fromEntries(values) as Sample, row.where)) arrays.set(name, array)
    }
    const [placement] = placements
    return { arrays, columns: columnsOf(row, kept), ...(placements.length === 1 && { placement: placement! }) }
  }
  const boxed = options.boxLabels === true ? BOX_ARRAYS.filter((name) => name in first.values) : []
  return { used: [...used, ...boxed, ...(numbers?.used ?? [])], read: readRow }
}

/**
 * The columns of a table with a number in each, as pandas writes one, where the only input bears the name of none: together they are that input, as the
 * columns of CSV are.
 */
function featureColumns(
  { values }: Row,
  { label, kept, inputs }: { label: string; kept: ReadonlySet<string>; inputs: readonly ModelValue[] },
): readonly string[] | undefined {
  const asked = inputs.filter((input) => !canFill(input))
  const features = Object.entries(values).filter(([name]) => name !== label && !kept.has(name))
  const isNumber = (value: unknown) => value === null || ['number', 'bigint', 'boolean'].includes(typeof value)
  if (asked.length !== 1 || asked[0]!.name in values || features.length === 0) return undefined
  return features.every(([, value]) => isNumber(value)) ? Object.keys(values) : undefined
}

/** The row with its cells as CSV has them. */
function written(row: Row, header: readonly string[] | undefined): Row {
  return row.cells === undefined ? { ...row, cells: (header ?? []).map((name) => cellText(row.values[name])) } : row
}

function cellText(value: unknown): string {
  if (typeof value === 'boolean') return String(Number(value))
  return value === null || value === undefined ? '' : String(value)
}

/** Lists of boxes and what is said of each. */
function boxesIn({ values }: Row): Readonly<Record<string, readonly unknown[]>> {
  const own = BOX_ARRAYS.flatMap((name) =>
    Array.isArray(values[name]) ? [[name, values[name] as readonly unknown[]] as const] : [],
  )
  return Object.fromEntries(own)
}

/** A target that is not there does not count. */
function labelValue(value: unknown): unknown {
  return value === null ? Number.NaN : value
}

function columnsOf({ values }: Row, kept: ReadonlySet<string>): Record<string, string | number> {
  const columns: Record<string, string | number> = {}
  for (const name of kept) {
    const cell = Object.hasOwn(values, name) ? cellOf(values[name]) : undefined
    if (cell !== undefined) columns[name] = cell
  }
  return columns
}

/** Words, a model of token ids, and nothing that makes ids of words. */
function refuseText({ values }: Row, { table, inputs }: { table: Table; inputs: readonly ModelValue[] }): void {
  const isAsked = inputs.some(({ name, type }) => type === 'string' || name === 'text')
  if (typeof values.text !== 'string' || isAsked) return
  throw new PareError(`${table.name}: text, but no tokenizer is named.`, {
    hint: 'name a tokenizer.json with the tokenizer option.',
  })
}

interface FilePlace {
  readonly first: Row
  readonly input: ModelValue
  readonly options: RowOptions
}

/** Reads an input out of images or sounds that the rows hold or name; undefined where they do neither. */
async function fileReader(table: Table, { first, input, options }: FilePlace): Promise<FileColumn | undefined> {
  const { inputs, boundary } = options
  const kinds = [
    { pattern: IMAGE_FILE, magic: isImageBytes, takes: takesImages, what: 'images', open: () => openImages(input, options) },
    { pattern: SOUND_FILE, magic: isSoundBytes, takes: takesSound, what: 'sounds', open: () => openSounds(input, options) },
  ]
  for (const { pattern, magic, takes, what, open } of kinds) {
    const isFile = (value: unknown) =>
      typeof value === 'string' ? pattern.test(value) : magic(bytesIn(value)) || pattern.test(pathIn(value) ?? '')
    const own = isFile(first.values[input.name]) ? input.name : undefined
    if (own === undefined && (first.values[input.name] !== undefined || !isOnly(inputs, takes))) continue
    const column = own ?? Object.keys(first.values).find((name) => isFile(first.values[name]))
    if (column === undefined) continue
    if (!takes(input)) {
      throw new PareError(
        `${table.name}: column '${column}' holds ${what}, and input '${input.name}' is ${describe(input.type, input.shape)}.`,
        {
          hint: `${what} are read for ${what === 'images' ? 'inputs [batch, channels, height, width] or [batch, height, width, channels]' : 'inputs of floats, [batch, samples] or [batch, bins, frames]'}; write what the model takes as .npz or .parquet.`,
        },
      )
    }
    const read = await open()
    return {
      column,
      async read({ where, values }) {
        const value = values[column]
        const shown = where.endsWith(`/${value}`)
          ? where
          : typeof value === 'string'
            ? `${where}: ${value}`
            : `${where}, '${column}'`
        return read(await fileBytes(value, { table, boundary, shown }), shown)
      },
    }
  }
  return undefined
}

/** Whether one input takes such files, or there is one at all. */
function isOnly(inputs: readonly ModelValue[], takes: (input: ModelValue) => boolean): boolean {
  const all = inputs.filter((input) => !canFill(input) && input.name !== PIXEL_MASK)
  return all.length === 1 || all.filter(takes).length === 1
}

async function openImages(input: ModelValue, options: RowOptions): Promise<ReadFile> {
  const isFloat = isElementType(input.type) && !isInteger(input.type)
  // Integers are bytes as they are, but for what is said of sizes.
  const config = await options.findPreprocessor()
  const steps = stepsOf(options.image, isFloat || config?.content.size !== undefined ? config : undefined)
  return imageReader(input, { steps, options: options.image })
}

async function openSounds(input: ModelValue, options: RowOptions): Promise<ReadFile> {
  const read = soundReader(input, await options.findPreprocessor())
  return async (bytes, where) => ({ array: await read(bytes, where) })
}

const MOST_FILE_BYTES = 2 ** 28

/** Of a value that holds bytes, or names a file beside the table. */
async function fileBytes(
  value: unknown,
  { table, boundary, shown }: { readonly table: Table; readonly boundary: Boundary; readonly shown: string },
): Promise<Uint8Array> {
  const bytes = bytesIn(value)
  if (bytes !== undefined) return bytes
  const path = typeof value === 'string' ? value : pathIn(value)
  if (path === undefined || path === '')
    throw new PareError(`${shown}: no file, and no bytes of one.`, { hint: 'leave the row out.' })
  if (/^[a-z]+:\/\//i.test(path))
    throw new PareError(`${shown}: an address, and nothing is fetched.`, {
      hint: 'fetch the files first, and name them by path.',
    })
  const file = await insideOf(boundary, resolve(table.folder, path), shown)
  return await readWhole(file, MOST_FILE_BYTES).catch((cause: unknown) => {
    if (cause instanceof PareError && cause.message.includes('no such file'))
      throw new PareError(`${shown}: no such file.`, {
        hint: `paths are relative to ${basename(table.folder)}, the folder of the data.`,
        cause,
      })
    throw cause
  })
}

function bytesIn(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  const bytes = (value as { bytes?: unknown } | null | undefined)?.bytes
  return bytes instanceof Uint8Array ? bytes : undefined
}

function pathIn(value: unknown): string | undefined {
  const path = (value as { path?: unknown } | null | undefined)?.path
  return typeof path === 'string' ? path : undefined
}

function isImageBytes(bytes: Uint8Array | undefined): boolean {
  if (bytes === undefined || bytes.length < 12) return false
  const begin = Buffer.from(bytes.subarray(0, 12)).toString('latin1')
  return begin.startsWith('\x89PNG') || begin.startsWith('\xff\xd8') || (begin.startsWith('RIFF') && begin.endsWith('WEBP'))
}

function isSoundBytes(bytes: Uint8Array | undefined): boolean {
  return bytes !== undefined && Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'RIFF' && !isImageBytes(bytes)
}

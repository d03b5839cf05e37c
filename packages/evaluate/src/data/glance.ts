import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { present } from '@pare/onnx'
import { IMAGE_FILE, SOUND_FILE } from './file-kinds.js'
import { formatOf, TEXT_FORMATS, tableOpener } from './formats.js'
import { type DataArray, isStrings, numbersOf } from './ndarray.js'
import { readUnpacked } from './packed.js'
import { isChoiceRow } from './questions/choice-forms.js'
import { firstText, type PairColumns, pairColumns } from './questions/pair-columns.js'
import { isPromptRow } from './questions/prompt-row.js'
import type { Asking } from './questions/question.js'
import { type AnnotationKind, PANDAS_INDEX, type Table } from './tables/table.js'
import { isTextNames } from './text/text-fields.js'

/** What a data set looks like, without a model to read it for. */
export interface DataGlance {
  readonly kind: 'arrays' | 'table' | 'files' | 'text'
  /** In the order of the file. */
  readonly columns: readonly ColumnGlance[]
  /** Names of classes that folders have, in the order of the names. */
  readonly folders?: readonly string[]
  /** Whether rows hold text, or a pair of texts, under names that are known. */
  readonly isText: boolean
  /** Whether rows are questions with choices, or prompts with answers, that a language model may be asked. Default: neither */
  readonly asking?: Asking
  /** Columns of two texts that an embedding model may encode each on its own. Default: there are none */
  readonly pair?: PairColumns
  /** What belongs to a row instead of a label, where it lies in files of its own. Default: a label, or nothing */
  readonly holds?: AnnotationKind
  /** Names of classes that boxes have, in the order of the alphabet, where annotations do not number them. Default: they are numbered, or there are no boxes */
  readonly boxClasses?: readonly string[]
}

export interface ColumnGlance {
  readonly name: string
  readonly kind: 'numbers' | 'names' | 'lists' | 'images' | 'sounds' | 'other'
  /** Of one value: [] of a number or a name. Of lists the first one's. */
  readonly shape: readonly number[]
  /** Whether all numbers are whole. */
  readonly isWhole: boolean
  /** The first values; of lists the numbers in them. */
  readonly values: readonly (number | string)[]
}

const MOST_ROWS = 1000
const MOST_BYTES = 2 ** 29

/** Looks at the first rows of data; at arrays as a whole, where they have at most 512 MiB. Throws PareError for what is not read at all. */
export async function glanceAt(path: string): Promise<DataGlance> {
  const extension = formatOf(path)
  if ((await stat(path).catch(() => undefined))?.isDirectory()) return await glanceAtFolder(path)
  if (extension === '.npz') {
    const { parseNpz } = await import('./arrays/npz.js')
    const arrays = parseNpz(await readUnpacked(path, MOST_BYTES), basename(path), MOST_BYTES)
    return { kind: 'arrays', columns: [...arrays].map(([name, array]) => arrayGlance(name, array)), isText: false }
  }
  if (extension === '.npy') return { kind: 'arrays', columns: [], isText: false }
  if (tableOpener(path) === undefined && TEXT_FORMATS.some((each) => each === extension))
    return { kind: 'text', columns: [], isText: true }
  return await tableGlance(await open(path))
}

async function open(path: string): Promise<Table> {
  const openFile = tableOpener(path)
  if (openFile === undefined) throw new Error(`not a table: ${path}`)
  return await openFile({ path, name: basename(path), folder: dirname(path) })
}

async function glanceAtFolder(path: string): Promise<DataGlance> {
  const { contentOf, openClassFolder } = await import('./tables/folder.js')
  const content = await contentOf(path)
  if (content.kind === 'list') return await tableGlance(await open(content.path))
  if (content.kind === 'tables') {
    const { openChained } = await import('./tables/chained.js')
    return await tableGlance(await openChained(path, content.paths, {}))
  }
  const folders = new Set<string>()
  const rows: Record<string, unknown>[] = []
  const table = await openClassFolder(path, { findClasses: async () => undefined, boundary: { trusted: false, root: path } })
  for await (const { values } of table.read()) {
    if (rows.length < MOST_ROWS) rows.push(values)
    if (typeof values.class === 'string') folders.add(values.class)
  }
  return {
    kind: 'files',
    columns: columnsOf(rows, ['path', 'label']),
    folders: [...folders],
    isText: false,
    ...present({ holds: table.holds, boxClasses: await table.classNames?.(MOST_ROWS) }),
  }
}

async function tableGlance(table: Table): Promise<DataGlance> {
  const rows: Record<string, unknown>[] = []
  for await (const { values } of table.read()) {
    rows.push(table.header === undefined ? values : Object.fromEntries(Object.entries(values).map(typedCell)))
    if (rows.length === MOST_ROWS) break
  }
  const names = [...new Set([...(table.header ?? []), ...Object.keys(rows[0] ?? {})])].filter((name) => !PANDAS_INDEX.test(name))
  const columns = columnsOf(rows, names)
  const isNamed = (name: string) => columns.some((column) => column.name === name && column.kind === 'names')
  const isText = names.includes('messages') || isTextNames(isNamed)
  const asking =
    rows[0] === undefined ? undefined : isChoiceRow(rows[0]) ? 'choices' : isPromptRow(rows[0]) ? 'answers' : undefined
  const isTexts = (name: string) => Array.isArray(rows[0]?.[name]) && firstText(rows[0][name]) !== undefined
  const pair = pairColumns({ text: (name) => isNamed(name) || isTexts(name), value: (name) => names.includes(name) })
  const { holds } = table
  return {
    kind: 'table',
    columns,
    isText,
    ...present({ holds, boxClasses: await table.classNames?.(MOST_ROWS) }),
    ...(asking !== undefined && !isText && { asking }),
    ...(pair && { pair }),
  }
}

/** Cells of CSV are all written in letters. */
function typedCell([name, cell]: [string, unknown]): [string, unknown] {
  if (typeof cell !== 'string') return [name, cell]
  if (cell === '') return [name, null]
  return [name, Number.isNaN(Number(cell)) ? cell : Number(cell)]
}

function columnsOf(rows: readonly Readonly<Record<string, unknown>>[], names: readonly string[]): ColumnGlance[] {
  return names.map((name) => {
    const values = rows.map((row) => plainValue(row[name])).filter((value) => value !== null && value !== undefined)
    return { name, ...glanceOf(values) }
  })
}

function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value)
  return value
}

function glanceOf(values: readonly unknown[]): Omit<ColumnGlance, 'name'> {
  const [first] = values
  if (values.some((value) => typeof value === 'string')) {
    const texts = values.map(String)
    const kind = IMAGE_FILE.test(texts[0]!) ? 'images' : SOUND_FILE.test(texts[0]!) ? 'sounds' : 'names'
    return { kind, shape: [], isWhole: false, values: texts }
  }
  if (typeof first === 'number') return { kind: 'numbers', shape: [], ...numbersIn(values as number[]) }
  if (Array.isArray(first) || (ArrayBuffer.isView(first) && !(first instanceof Uint8Array)))
    return { kind: 'lists', shape: shapeOf(first), ...numbersIn(values.flatMap((value) => flat(value))) }
  return { kind: isImage(first) ? 'images' : 'other', shape: [], isWhole: false, values: [] }
}

function numbersIn(values: readonly number[]): Pick<ColumnGlance, 'isWhole' | 'values'> {
  return { isWhole: values.every(Number.isInteger), values: values.slice(0, 100 * MOST_ROWS) }
}

function isImage(value: unknown): boolean {
  const bytes = value instanceof Uint8Array ? value : (value as { bytes?: unknown } | null | undefined)?.bytes
  return bytes instanceof Uint8Array
}

function shapeOf(value: unknown): number[] {
  if (!Array.isArray(value) && !ArrayBuffer.isView(value)) return []
  const list = value as ArrayLike<unknown>
  return [list.length, ...shapeOf(list[0])]
}

function flat(value: unknown): number[] {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value as ArrayLike<unknown>).flatMap(flat)
  return typeof value === 'number' ? [value] : []
}

function arrayGlance(name: string, array: DataArray): ColumnGlance {
  const shape = array.shape.slice(1)
  if (isStrings(array)) return { name, kind: 'names', shape, isWhole: false, values: array.data.slice(0, MOST_ROWS) }
  const size = shape.reduce((product, each) => product * each, 1)
  const data = array.data.subarray(0, MOST_ROWS * Math.max(1, size))
  const values = Array.from(numbersOf({ type: array.type, shape: [data.length], data }))
  return { name, kind: shape.length === 0 ? 'numbers' : 'lists', shape, ...numbersIn(values) }
}

import { PareError, present } from '@pare/onnx'
import type { EntrySource, SampleEntry } from '../entries.js'
import { keptNames } from '../entries.js'
import { canFill } from '../fill.js'
import { PIXEL_MASK } from '../images/images.js'
import { BOX_ARRAYS, emptyBoxes } from '../labels/box-labels.js'
import { labelNameOf } from '../match.js'
import type { ModelValue } from '../model-value.js'
import type { DataArray } from '../ndarray.js'
import { cellReader } from '../tables/cells.js'
import { LABEL_FILE, PANDAS_INDEX, type Row, SMALL_BYTES, type Table } from '../tables/table.js'
import { isTextRow, textReader } from '../text/text-rows.js'
import { cellOf } from './columns.js'
import { type FileArrays, type FileColumn, fileBytes, fileReader, maskReader } from './files.js'
import type { Boundary } from './inside.js'
import type { RowOptions } from './row-options.js'
import { arraysOf, type Sample } from './sample.js'

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
  const { read, used, holds, notes } = await plainReader(table, { first, label, options })
  return {
    ...common,
    notes: [...common.notes, ...notes],
    used,
    ...present({ holds }),
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

/** Rows of numbers, images and sounds. */
async function plainReader(
  table: Table,
  { first, label, options }: { readonly first: Row; readonly label: string; readonly options: RowOptions },
): Promise<Pick<EntrySource, 'holds' | 'notes'> & { readonly used: readonly string[]; read(row: Row): Promise<SampleEntry> }> {
  const { inputs } = options
  const readers = new Map<string, FileColumn>()
  for (const input of inputs.filter((each) => !canFill(each) && each.name !== PIXEL_MASK)) {
    const file = await fileReader(table, { first, input, options, label })
    if (file !== undefined) readers.set(input.name, file)
  }
  const readMask = readers.size === 1 ? await maskReader(table, { first, label, options }) : undefined
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
    const images: FileArrays[] = []
    for (const [name, { read }] of readers) {
      const image = await read(row)
      const { array, mask } = image
      arrays.set(name, array)
      images.push(image)
      if (hasMask && mask !== undefined) arrays.set(PIXEL_MASK, mask)
    }
    if (numbers !== undefined) for (const [name, array] of numbers.read(written(row, header))) arrays.set(name, array)
    else {
      const own = open.filter(({ name }) => row.values[name] !== undefined)
      const sample = Object.fromEntries(own.map(({ name }) => [name, row.values[name]]))
      const labels = label in row.values && readMask === undefined ? { [label]: labelValue(row.values[label]) } : {}
      const boxes =
        options.boxLabels === true
          ? await boxesIn(row, { table, boundary: options.boundary, image: images.length === 1 ? images[0] : undefined })
          : {}
      for (const name of Object.keys(boxes).filter((each) => boxes[each]?.length === 0)) arrays.set(name, emptyBoxes(name))
      const values = Object.entries({ ...sample, ...labels, ...boxes }).filter(([name]) => !arrays.has(name))
      for (const [name, array] of arraysOf(Object.fromEntries(values) as Sample, row.where)) arrays.set(name, array)
    }
    const [image] = images
    if (readMask !== undefined) arrays.set(label, await readMask(row, image!))
    return {
      arrays,
      columns: columnsOf(row, kept),
      ...present({ placement: images.length === 1 ? image?.placement : undefined }),
    }
  }
  const boxed = options.boxLabels === true ? [...BOX_ARRAYS, LABEL_FILE].filter((name) => name in first.values) : []
  return {
    used: [...used, ...boxed, ...(numbers?.used ?? [])],
    read: readRow,
    notes: [...readers.values()].flatMap((reader) => reader.notes),
    ...(readMask !== undefined && { holds: 'masks' as const }),
  }
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
  const columns = Object.keys(values).filter((name) => !PANDAS_INDEX.test(name))
  const features = columns.filter((name) => name !== label && !kept.has(name))
  const isNumber = (value: unknown) => value === null || ['number', 'bigint', 'boolean'].includes(typeof value)
  if (asked.length !== 1 || asked[0]!.name in values || features.length === 0) return undefined
  return features.every((name) => isNumber(values[name])) ? columns : undefined
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
async function boxesIn(
  row: Row,
  { table, boundary, image }: { readonly table: Table; readonly boundary: Boundary; readonly image: FileArrays | undefined },
): Promise<Readonly<Record<string, readonly unknown[]>>> {
  const { values, where } = row
  if (table.boxesOf !== undefined)
    return await table.boxesOf(row, {
      readFile: (path) => fileBytes(path, { table, boundary, shown: `${where}: ${path}` }),
      ...present({ size: image?.placement?.from }),
    })
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

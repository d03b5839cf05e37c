import { basename, dirname } from 'node:path'
import { PareError } from '@pare/onnx'
import { formatOf, tableOpener } from '../formats.js'
import { listed } from '../labels/labels.js'
import type { Row, Table, TableFile } from './table.js'

/** Tables that lie beside each other where a data set is written in parts. */
const COLUMNAR = ['.parquet', '.arrow', '.feather']
const TEXTUAL = ['.csv', '.tsv', '.jsonl']
/** Files of JSON that say something of data or models, and are none. */
const CONFIGS = /(config|tokenizer|token|vocab|package|lock|dataset_infos?|state|schema|manifest|index|results)[^/]*\.json$/i
/** Parts of a data set, as a word of the name of a file. */
const SPLIT = /(^|[-_.])(train|training|val|valid|validation|dev|eval|test|testing)(?=[-_.]|$)/i

/** The tables among the files of a folder that are its data: columnar ones, else text in rows, else JSON. `isApart`: there are other files of data, or folders, beside which tables of text say something else. */
export function tablesAmong(files: readonly string[], isApart: boolean): readonly string[] {
  const of = (formats: readonly string[]) => files.filter((name) => formats.includes(formatOf(name)))
  const columnar = of(COLUMNAR)
  if (columnar.length > 0 || isApart) return columnar
  const textual = of(TEXTUAL)
  return textual.length > 0 ? textual : of(['.json']).filter((name) => !CONFIGS.test(name))
}

/** Throws PareError for tables that are of several data sets by their names: in several formats, or train beside test. */
export function refuseSets(folder: string, names: readonly string[]): void {
  const formats = [...new Set(names.map(formatOf))]
  if (formats.length > 1)
    throw new PareError(`${folder}: tables in several formats: ${listed(formats)}.`, {
      hint: 'name the file of one, or move the others away.',
    })
  const splits = names.map((name) => SPLIT.exec(name)?.[2]?.toLowerCase())
  if (new Set(splits).size < 2) return
  const sets = [...new Set(names.map((name) => name.replace(/-\d+-of-\d+(?=\.)/, '')))]
  throw new PareError(`${folder}: tables of several data sets: ${listed(sets)}.`, { hint: 'name the file of one.' })
}

/** Tables that follow each other in the order of their names, as one. Throws PareError where their columns differ. */
export async function openChained(
  folder: string,
  paths: readonly string[],
  options: Partial<Pick<TableFile, 'findClasses' | 'boundary' | 'boxLabels'>>,
): Promise<Table> {
  const tables: Table[] = []
  // One after the other: to know how large it is a packed file is unpacked.
  for (const path of paths)
    tables.push(await tableOpener(path)!({ path, name: basename(path), folder: dirname(path), ...options }))
  const [head, ...others] = tables as [Table, ...Table[]]
  if (others.length === 0) return head
  if (tables.some(({ maskOf }) => maskOf !== undefined)) {
    throw new PareError(`${folder}: annotations of COCO in ${tables.length} files: ${listed(tables.map(({ name }) => name))}.`, {
      hint: 'name the file of one.',
    })
  }
  await refuseOthers(tables)
  const rows = tables.reduce((sum, table) => sum + (table.rows ?? Number.NaN), 0)
  const notes = [...new Set(tables.flatMap((table) => table.notes ?? []))]
  const name = basename(folder)
  return {
    ...{ name, folder: head.folder, bytes: tables.reduce((sum, { bytes }) => sum + bytes, 0) },
    ...(Number.isFinite(rows) && { rows }),
    ...(head.header && { header: head.header }),
    notes: [
      `${tables.length} files of ${name} are read one after the other: ${listed(tables.map((table) => table.name))}`,
      ...notes,
    ],
    async *read() {
      for (const table of tables) yield* table.read()
    },
  }
}

/** Columns are those of the header, else of the first row; where cells have no types, in their order. */
async function refuseOthers(tables: readonly Table[]): Promise<void> {
  let head: TableColumns | undefined
  for (const { name, header, ...table } of tables) {
    const columns = header ?? Object.keys((await firstOf(table))?.values ?? {})
    head ??= { name, columns }
    const compared = (names: readonly string[]) => String(header === undefined ? [...names].sort() : names)
    if (columns.length > 0 && compared(columns) !== compared(head.columns)) throw otherColumns({ name, columns }, head)
  }
}

interface TableColumns {
  readonly name: string
  readonly columns: readonly string[]
}

function otherColumns({ name, columns }: TableColumns, head: TableColumns): PareError {
  const alone = (one: TableColumns, others: readonly string[]) => {
    const own = one.columns.filter((each) => !others.includes(each))
    return own.length === 0 ? [] : [`${listed(own)} is in ${one.name} alone`]
  }
  const difference = [...alone(head, columns), ...alone({ name, columns }, head.columns)]
  return new PareError(
    `${name}: its columns are not those of ${head.name}: ${difference.join('; ') || `they are in another order, ${listed(columns)}`}.`,
    { hint: 'the files of a folder are read as one table: write the same columns into all, or name the file of one.' },
  )
}

async function firstOf(table: Pick<Table, 'read'>): Promise<Row | undefined> {
  for await (const row of table.read()) return row
  return undefined
}

import type { FileMetaData } from 'hyparquet'
import { readStruct, type ThriftStruct } from './thrift.js'

/** Where bytes of the file are read. Fewer come at its end. */
export type ReadBytes = (start: number, length: number) => Promise<DataView>

/** What one column of a group of rows may hold: a few bytes may say that a value is repeated as often as they like. */
const PARQUET_LIMITS = {
  footerBytes: 2 ** 26,
  /** Of one group of rows, in all its columns. */
  values: 2 ** 27,
  /** Of one group of rows, unpacked. */
  bytes: 2 ** 31,
  headerBytes: 2 ** 20,
} as const

/** Looks through the description at the end of the file, which the library takes as it comes. Throws Error where it is damaged. */
export async function checkFooter(read: ReadBytes, size: number): Promise<void> {
  const tail = await read(Math.max(0, size - TAIL), TAIL)
  if (tail.byteLength < TAIL) throw new Error('it is too short')
  const length = tail.getUint32(0, true)
  if (length > size - TAIL) throw new Error(`its description has ${length} bytes, and the file ${size}`)
  if (length > PARQUET_LIMITS.footerBytes)
    throw new Error(`its description has ${length} bytes, more than ${PARQUET_LIMITS.footerBytes}`)
  readStruct(await read(size - TAIL - length, length), 0)
}

/** Length of the description, and 'PAR1'. */
const TAIL = 8

/** Columns by their paths, as the schema has them in order. Throws Error where it ends too early, or is nested too deep. */
function pathsIn(schema: FileMetaData['schema']): readonly string[] {
  const paths: string[] = []
  let next = 1
  const walk = (count: number, path: readonly string[]) => {
    if (path.length > MOST_NESTED) throw new Error(`its columns are nested more than ${MOST_NESTED} deep`)
    for (let i = 0; i < count; i++) {
      const element = schema[next++]
      if (element === undefined) throw new Error('its schema is cut short')
      const own = [...path, element.name]
      if (element.num_children === undefined) paths.push(own.join('\0'))
      else walk(element.num_children, own)
    }
  }
  walk(schema[0]?.num_children ?? 0, [])
  if (next !== schema.length) throw new Error('its schema has more columns than it says')
  return paths
}

const MOST_NESTED = 32

/** Throws Error unless each group of rows has the columns of the schema, each once and in order: the library starts to read them before it looks. */
export function checkColumns({ schema, row_groups: groups }: FileMetaData): void {
  const expected = pathsIn(schema).join('\n')
  for (const { columns } of groups) {
    const paths = columns.map(({ meta_data: column }) => column?.path_in_schema.join('\0')).join('\n')
    if (paths !== expected) throw new Error('a group of rows has other columns than the schema')
  }
}

/**
 * Looks at the pages of a group of rows before they are unpacked. Throws Error where they hold more values or bytes than `PARQUET_LIMITS` allow, or more values than
 * their column says.
 */
export async function checkPages(read: ReadBytes, group: FileMetaData['row_groups'][number]): Promise<void> {
  let [values, bytes] = [0, 0]
  for (const { meta_data: column } of group.columns) {
    if (column === undefined) continue
    const { dictionary_page_offset: dictionary, data_page_offset: data, total_compressed_size: length } = column
    const start = Number(dictionary || data)
    let inColumn = 0
    for (let at = start; at < start + Number(length) - 1; ) {
      const page = await pageAt(read, at)
      at = page.end
      bytes += page.bytes
      values += page.values
      if (!page.isDictionary) inColumn += page.values
      if (inColumn > Number(column.num_values))
        throw new Error(`pages of a column of ${column.num_values} values hold ${inColumn}`)
      if (values > PARQUET_LIMITS.values) throw new Error(`a group of rows has more than ${PARQUET_LIMITS.values} values`)
      if (bytes > PARQUET_LIMITS.bytes) throw new Error(`a group of rows unpacks to more than ${PARQUET_LIMITS.bytes} bytes`)
    }
  }
}

interface Page {
  readonly isDictionary: boolean
  readonly values: number
  /** Unpacked. */
  readonly bytes: number
  readonly end: number
}

async function pageAt(read: ReadBytes, at: number): Promise<Page> {
  const { numbers, structs, end } = await headerAt(read, at)
  const [unpacked = -1, packed = -1] = [numbers.get(2), numbers.get(3)]
  const [data, dictionary, second] = [structs.get(5), structs.get(7), structs.get(8)]
  const counts = [data, dictionary, second].flatMap((each) => (each === undefined ? [] : [each.numbers.get(1) ?? -1]))
  const levels = [second?.numbers.get(2), second?.numbers.get(5), second?.numbers.get(6)].map((count) => count ?? 0)
  const rows = second?.numbers.get(3) ?? 0
  const [nulls = 0] = levels
  if ([unpacked, packed, rows, ...counts, ...levels].some((count) => !(count >= 0)))
    throw new Error('a page has sizes below zero')
  const values = Math.max(0, rows, ...counts)
  if (nulls > values) throw new Error(`a page of ${values} values has ${nulls} that are null`)
  return { isDictionary: dictionary !== undefined, values, bytes: unpacked, end: at + end + packed }
}

/** Headers hold the least and the largest value, and may be long: more is read until one ends in what is there. */
async function headerAt(read: ReadBytes, at: number): Promise<ThriftStruct> {
  for (let length = 2 ** 10; ; length *= 8) {
    const view = await read(at, length)
    try {
      return readStruct(view, 0)
    } catch (error) {
      const isWhole = view.byteLength < length || length >= PARQUET_LIMITS.headerBytes
      if (!(error instanceof RangeError) || isWhole) throw error
    }
  }
}

import { PareError, parseJson } from '@pare/onnx'
import { openFile } from '../file.js'
import { bytesOf, readUnpacked } from '../packed.js'
import { utf8 } from '../utf8.js'
import { cocoTable, isCoco } from './coco.js'
import { openJsonLines } from './jsonl.js'
import type { Table, TableFile } from './table.js'

/** It is read as a whole, and takes several times as much in memory. */
const MOST_BYTES = 2 ** 28
/** So much shows whether a second line begins with an object. */
const PEEK_CHARACTERS = 2 ** 22

type JsonObject = Readonly<Record<string, unknown>>

/**
 * JSON as a table: a list of objects, a row each; an object whose `data` are that list; an object of columns, as pandas writes one; and objects on a line each, whatever the name of the
 * file says; and annotations of objects as COCO has them. Only lines is streamed; others have at most 256 MiB.
 */
export async function openJson(file: TableFile): Promise<Table> {
  if (await isLines(file)) return await openJsonLines(file)
  const { name, folder, path } = file
  const text = utf8(await readUnpacked(path, MOST_BYTES), name)
  const value = parse(text, name)
  if (isCoco(value)) return await cocoTable(value, file)
  const rows = rowsIn(value)
  if (rows === undefined) throw noRows(name)
  return {
    ...{ name, folder, bytes: text.length, rows: rows.length },
    async *read() {
      for (const [i, values] of rows.entries()) yield { where: `${name}: row ${i + 1}`, values }
    },
  }
}

/** Whether the file begins with an object, and a second one follows on the next line. */
async function isLines({ path }: TableFile): Promise<boolean> {
  await using file = await openFile(path)
  const decoder = new TextDecoder()
  let begin = ''
  for await (const bytes of bytesOf(file, path)) {
    begin += decoder.decode(bytes, { stream: true })
    const [first, second] = begin.trimStart().split(/\r?\n\s*/, 2)
    if (!first!.startsWith('{') || begin.length > PEEK_CHARACTERS) return false
    if (second !== undefined && second !== '') return first!.trimEnd().endsWith('}') && second.startsWith('{')
  }
  return false
}

function rowsIn(value: unknown): readonly JsonObject[] | undefined {
  if (isRows(value)) return value
  if (!isObject(value)) return undefined
  if (isRows(value.data)) return value.data
  return rowsOfColumns(value)
}

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)
const isRows = (value: unknown): value is readonly JsonObject[] => Array.isArray(value) && value.every(isObject)

/** Columns as lists of one length, or by the names of rows: {"age": {"0": 31, "1": 42}, …}. Undefined: they are none. */
function rowsOfColumns(value: JsonObject): readonly JsonObject[] | undefined {
  const columns = Object.entries(value)
  const keysOf = (column: unknown) => (typeof column === 'object' && column !== null ? Object.keys(column) : [])
  const [keys] = columns.map(([, column]) => keysOf(column))
  if (keys === undefined || keys.length === 0) return undefined
  const isEven = columns.every(([, column]) => {
    const own = keysOf(column)
    return own.length === keys.length && own.every((key, i) => key === keys[i])
  })
  // An object of two objects with the same fields may be anything: rows of pandas are numbered.
  if (!isEven || !keys.every((key) => /^\d+$/.test(key))) return undefined
  return keys.map((key) => Object.fromEntries(columns.map(([name, column]) => [name, (column as JsonObject)[key]])))
}

function parse(text: string, name: string): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    throw new PareError(`${name}: not JSON (${(cause as Error).message}).`, {
      hint: 'expected a list of objects, or a JSON object on each line.',
      cause,
    })
  }
}

function noRows(name: string): PareError {
  return new PareError(`${name}: JSON without rows.`, {
    hint: 'expected a list of objects, [{"input": [0.1, 0.2], "label": 3}, …], annotations of COCO with images and annotations, an object of columns as pandas writes it, or a JSON object on each line (.jsonl).',
  })
}

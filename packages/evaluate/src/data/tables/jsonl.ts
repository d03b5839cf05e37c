import { PareError, parseJson } from '@pare/onnx'
import { openFile } from '../file.js'
import { bytesOf, unpackedSize } from '../packed.js'
import { notUtf8 } from '../utf8.js'
import { type Row, SMALL_BYTES, type Table, type TableFile } from './table.js'

/** No line is longer. */
const MOST_LINE_CHARACTERS = 2 ** 28

/** A JSON object on each line. It is streamed; empty lines are passed over. */
export async function openJsonLines(file: TableFile): Promise<Table> {
  const bytes = await unpackedSize(file.path, SMALL_BYTES)
  return { name: file.name, folder: file.folder, bytes, read: () => rowsOf(file) }
}

async function* rowsOf({ path, name }: TableFile): AsyncGenerator<Row> {
  await using file = await openFile(path)
  let line = 0
  for await (const text of linesOf(bytesOf(file, path), name)) {
    line++
    const row = text.trim()
    const where = `${name}:${line}`
    if (row !== '') yield { where, values: parseObject(row, where) }
  }
}

/** Lines of text in UTF-8. A byte order mark is none of it. */
async function* linesOf(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decode = (bytes?: Uint8Array) => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined })
    } catch (cause) {
      throw notUtf8(name, cause)
    }
  }
  let pending: string[] = []
  let waiting = 0
  for await (const bytes of source) {
    const parts = decode(bytes).split('\n')
    for (const [i, part] of parts.entries()) {
      pending.push(part)
      waiting += part.length
      if (waiting > MOST_LINE_CHARACTERS)
        throw new PareError(`${name}: a line of more than ${MOST_LINE_CHARACTERS} characters.`, {
          hint: 'write one sample on each line.',
        })
      if (i === parts.length - 1) continue
      yield pending.join('')
      pending = []
      waiting = 0
    }
  }
  pending.push(decode())
  const last = pending.join('')
  if (last !== '') yield last
}

function parseObject(row: string, where: string): Record<string, unknown> {
  try {
    const value = parseJson(row)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (cause) {
    const { message } = cause as Error
    throw new PareError(cause instanceof PareError ? `${where}: ${message}` : `${where}: not JSON (${message}).`, {
      hint: 'expected one JSON object on each line.',
      cause,
    })
  }
  throw new PareError(`${where}: ${row.slice(0, 40)} is not an object.`, {
    hint: 'expected one JSON object on each line: {"input": [0.1, 0.2], "label": 3}',
  })
}

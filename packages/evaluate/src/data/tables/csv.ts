import { Readable } from 'node:stream'
import { PareError } from '@pare/onnx'
import { parse } from 'csv-parse'
import { openFile } from '../file.js'
import { bytesOf, unpackedSize } from '../packed.js'
import { type Row, SMALL_BYTES, type Table, type TableFile } from './table.js'

/** No row is longer: a quotation mark that is never closed would take all of the file for one. */
const MOST_ROW_BYTES = 2 ** 26

/** What pandas calls its numbers of rows: nothing where it writes them, 'Unnamed: 0' where it read them and wrote them again. */
const INDEX = /^(Unnamed: 0)?$/

/**
 * A table of text, comma-separated or with another delimiter, with a header row. It is streamed. A file that should have commas, and whose header has none, is read with the semicolons or
 * tabs that it has.
 */
export async function openCsv(file: TableFile, usual: ',' | '\t'): Promise<Table> {
  const bytes = await unpackedSize(file.path, SMALL_BYTES)
  const delimiter = await delimiterOf(file, usual)
  const rows = rowsOf(file, delimiter)
  const first = await rows.next()
  // The file is closed: a table is read from its beginning.
  await rows.return(undefined)
  if (first.done) throw new PareError(`${file.name}: the file is empty.`, { hint: 'begin with a row of column names.' })
  const all = first.value.map((cell) => cell.trim())
  const isNumbered = all.length > 1 && INDEX.test(all[0]!) && !all.slice(1).some((cell) => INDEX.test(cell))
  const header = isNumbered ? all.slice(1) : all
  const note = `the first column of ${file.name} is left out: it is ${all[0] === '' ? 'without a name' : `'${all[0]}'`}, as pandas writes the numbers of rows`
  if (header.every((cell) => cell !== '' && Number.isFinite(Number(cell)))) {
    throw new PareError(`${file.name}:1: the first row holds numbers only: ${header.slice(0, 4).join(', ')}.`, {
      hint: 'begin with a row of column names; the labels are in the column named label.',
    })
  }
  return {
    ...{ name: file.name, folder: file.folder, bytes, header, ...(isNumbered && { notes: [note] }) },
    async *read() {
      let line = 0
      for await (const cells of rowsOf(file, delimiter)) {
        line++
        if (line > 1) yield rowOf(header, isNumbered ? cells.slice(1) : cells, `${file.name}:${line}`)
      }
    },
  }
}

async function delimiterOf(file: TableFile, usual: ',' | '\t'): Promise<string> {
  const rows = rowsOf(file, usual)
  const first = await rows.next()
  await rows.return(undefined)
  if (first.done || first.value.length > 1) return usual
  const [line] = first.value
  return [',', ';', '\t'].find((other) => other !== usual && line!.includes(other)) ?? usual
}

function rowOf(header: readonly string[], cells: readonly string[], where: string): Row {
  return { where, cells, values: Object.fromEntries(header.map((name, i) => [name, cells[i]!])) }
}

async function* rowsOf({ path, name }: TableFile, delimiter: string): AsyncGenerator<string[]> {
  await using file = await openFile(path)
  const options = { bom: true, skip_empty_lines: true, trim: true, delimiter, max_record_size: MOST_ROW_BYTES }
  const parser = parse(options)
  const source = Readable.from(bytesOf(file, path))
  source.on('error', (error) => parser.destroy(error))
  try {
    for await (const row of source.pipe(parser)) yield row as string[]
  } catch (cause) {
    if (cause instanceof PareError) throw cause
    throw new PareError(`${name}: not readable as CSV (${(cause as Error).message}).`, {
      hint: `expected as many values in each row as in the first, with ${delimiter === '\t' ? 'tabs' : `'${delimiter}'`} between them, and quotation marks around a value that holds one or a line break.`,
      cause,
    })
  } finally {
    source.destroy()
  }
}

import type { FileHandle } from 'node:fs/promises'
import { PareError } from '@pare/onnx'
import type { AsyncBuffer, FileMetaData } from 'hyparquet'
import { openFile } from '../file.js'
import { checkColumns, checkFooter, checkPages, type ReadBytes } from './parquet-pages.js'
import { plainRow } from './plain.js'
import type { Row, Table, TableFile } from './table.js'

/** A Parquet file, read group of rows by group of rows. */
export async function openParquet(file: TableFile): Promise<Table> {
  const { metadata, bytes } = await metadataOf(file)
  return {
    ...{ name: file.name, folder: file.folder, rows: Number(metadata.num_rows), bytes },
    read: () => rowsOf(file, metadata),
  }
}

/** The description at the end of a file. */
export async function metadataOf(file: TableFile): Promise<{ metadata: FileMetaData; bytes: number }> {
  await using opened = await openFile(file.path)
  const { size } = await opened.handle.stat()
  const { parquetMetadataAsync } = await import('hyparquet')
  const metadata = await checkFooter(readerOf(opened.handle), size)
    .then(() => parquetMetadataAsync(asyncBufferFrom(opened.handle, size)))
    .then((read) => {
      checkColumns(read)
      return read
    })
    .catch((cause: Error) => {
      throw damaged(file.name, cause)
    })
  const unpacked = metadata.row_groups.reduce((sum, { total_byte_size }) => sum + Number(total_byte_size), 0)
  return { metadata, bytes: Math.max(size, unpacked) }
}

async function* rowsOf(file: TableFile, metadata: FileMetaData): AsyncGenerator<Row> {
  await using opened = await openFile(file.path)
  const { size } = await opened.handle.stat()
  const [{ parquetReadObjects }, { compressors }] = await Promise.all([import('hyparquet'), import('hyparquet-compressors')])
  let rowStart = 0
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows)
    const source = { file: asyncBufferFrom(opened.handle, size), metadata, compressors, rowStart, rowEnd }
    const rows = await checkPages(readerOf(opened.handle), group)
      .then(() => parquetReadObjects({ ...source, utf8: false, geoparquet: false }))
      .catch((cause: Error) => {
        throw damaged(file.name, cause)
      })
    for (const [i, row] of rows.entries()) {
      const where = `${file.name}: row ${rowStart + i + 1}`
      yield { where, values: plainRow(row) }
    }
    rowStart = rowEnd
  }
}

/** A file as hyparquet reads it: stretch by stretch. */
function asyncBufferFrom(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const from = start < 0 ? Math.max(0, byteLength + start) : start
      const length = Math.max(0, Math.min(end, byteLength) - from)
      const bytes = new Uint8Array(length)
      await handle.read(bytes, 0, length, from)
      return bytes.buffer
    },
  }
}

function readerOf(handle: FileHandle): ReadBytes {
  return async (start, length) => {
    const bytes = new Uint8Array(length)
    const { bytesRead } = await handle.read(bytes, 0, length, start)
    return new DataView(bytes.buffer, 0, bytesRead)
  }
}

function damaged(name: string, cause: Error): PareError {
  return new PareError(`${name}: not readable as Parquet (${cause.message}).`, {
    hint: 'the file is cut short or damaged: write or fetch it again.',
    cause,
  })
}

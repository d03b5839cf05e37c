import { PareError } from '@pare/onnx'
import type { Table as Columns } from '@uwdata/flechette'
import type { Decompress as Zstd } from 'fzstd'
import { openFile } from '../file.js'
import { type ArrowMessage, arrowMessages, stretch } from './arrow-messages.js'
import { unpackFrame } from './lz4.js'
import { plainRow } from './plain.js'
import type { Row, Table, TableFile } from './table.js'

const MOST_BYTES = 2 ** 31 - 1

/**
 * A file or stream of Arrow, also as Feather and as `datasets` saves it, read batch of rows by batch of rows. Dictionaries are held, and read anew with each
 * batch.
 */
export async function openArrow(file: TableFile): Promise<Table> {
  const { messages, bytes } = await messagesOf(file)
  return {
    ...{ name: file.name, folder: file.folder, rows: messages.reduce((sum, { rows }) => sum + rows, 0), bytes },
    read: () => rowsOf(file, messages),
  }
}

async function messagesOf(file: TableFile): Promise<{ readonly messages: readonly ArrowMessage[]; readonly bytes: number }> {
  await using opened = await openFile(file.path)
  const { size } = await opened.handle.stat()
  try {
    return { messages: await arrowMessages(opened.handle, size), bytes: size }
  } catch (cause) {
    throw damaged(file.name, cause as Error)
  }
}

async function* rowsOf(file: TableFile, messages: readonly ArrowMessage[]): AsyncGenerator<Row> {
  await using opened = await openFile(file.path)
  const bytesOf = async ({ start, bytes }: ArrowMessage) => {
    if (bytes > MOST_BYTES) throw damaged(file.name, new Error(`a batch of ${bytes} bytes`))
    const { buffer } = await stretch(opened.handle, start, bytes).catch((cause: Error) => {
      throw damaged(file.name, cause)
    })
    return new Uint8Array(buffer as ArrayBuffer)
  }
  const described = messages.filter(({ kind }) => kind === 'schema' || kind === 'dictionary')
  const held = await Promise.all(described.map(async (message) => ({ ...message, bytes: await bytesOf(message) })))
  // A stream may replace a dictionary between two batches; in a file those that are added to may stand anywhere.
  const isStream = messages[0]?.start === 0
  let first = 0
  for (const message of messages.filter(({ kind }) => kind === 'rows')) {
    const before = held.filter(({ start }) => !isStream || start < message.start).map(({ bytes }) => bytes)
    const columns = await parse(Buffer.concat([...before, await bytesOf(message), END]), file.name)
    for (let i = 0; i < columns.numRows; i++)
      yield { where: `${file.name}: row ${first + i + 1}`, values: plainRow(columns.get(i) as Record<string, unknown>) }
    first += columns.numRows
  }
}

/** What ends a stream. */
const END = Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0)

function damaged(name: string, cause: Error): PareError {
  return new PareError(`${name}: not readable as Arrow (${cause.message}).`, {
    hint: 'expected a file or stream of Arrow, or Feather of version 2; the file may be cut short.',
    cause,
  })
}

async function parse(bytes: Buffer, name: string): Promise<Columns> {
  const { CompressionType, setCompressionCodec, tableFromIPC } = await import('@uwdata/flechette')
  const { Decompress } = await import('fzstd')
  // Of all buffers together: each may unpack to many times its size.
  let room = MOST_BYTES
  const counted = (unpack: (data: Uint8Array, most: number) => Uint8Array) => (data: Uint8Array) => {
    const unpacked = unpack(data, room)
    room -= unpacked.byteLength
    return unpacked
  }
  setCompressionCodec(CompressionType.LZ4_FRAME, { encode: noEncoder, decode: counted(unpackFrame) })
  setCompressionCodec(CompressionType.ZSTD, {
    encode: noEncoder,
    decode: counted((data, most) => unzstd(Decompress, data, most)),
  })
  try {
    return tableFromIPC(bytes, { useProxy: false })
  } catch (cause) {
    throw damaged(name, cause as Error)
  }
}

/** Piece by piece, so that what is too much is refused before it is unpacked. */
function unzstd(Decompress: typeof Zstd, data: Uint8Array, most: number): Uint8Array {
  const pieces: Uint8Array[] = []
  let bytes = 0
  const stream = new Decompress((piece) => {
    bytes += piece.byteLength
    if (bytes > most) throw new Error(`it unpacks to more than ${most} bytes`)
    pieces.push(piece.slice())
  })
  stream.push(data, true)
  const unpacked = new Uint8Array(bytes)
  let at = 0
  for (const piece of pieces) {
    unpacked.set(piece, at)
    at += piece.byteLength
  }
  return unpacked
}

function noEncoder(): never {
  throw new Error('Arrow is read and not written')
}

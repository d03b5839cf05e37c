import { PareError } from '@pare/onnx'
import type { Table as Columns } from '@uwdata/flechette'
import type { Decompress as Zstd } from 'fzstd'
import { readWhole } from '../file.js'
import { unpackFrame } from './lz4.js'
import { plainRow } from './plain.js'
import type { Table, TableFile } from './table.js'

const MOST_BYTES = 2 ** 31 - 1

/** A file or stream of Arrow, also as Feather and as `datasets` saves it. It is held in memory. */
export async function openArrow(file: TableFile): Promise<Table> {
  const bytes = await readWhole(file.path, MOST_BYTES)
  const columns = await parse(bytes, file.name)
  return {
    ...{ name: file.name, folder: file.folder, rows: columns.numRows, bytes: bytes.byteLength },
    async *read() {
      for (let i = 0; i < columns.numRows; i++) {
        yield { where: `${file.name}: row ${i + 1}`, values: plainRow(columns.get(i) as Record<string, unknown>) }
      }
    },
  }
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
    throw new PareError(`${name}: not readable as Arrow (${(cause as Error).message}).`, {
      hint: 'expected a file or stream of Arrow, or Feather of version 2; the file may be cut short.',
      cause,
    })
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

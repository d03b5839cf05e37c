import { basename } from 'node:path'
import { createGunzip } from 'node:zlib'
import { PareError } from '@pare/onnx'
import { type OpenFile, openFile } from './file.js'

/** So much any file may unpack to, and beyond it so many times its own size: rows of text shrink to a fifth, a bomb to a thousandth. */
const [FREE_BYTES, MOST_RATIO] = [2 ** 31, 200]
/** What `zstd` itself unpacks without being asked to. */
const MOST_WINDOW_LOG = 27
/** A run of one byte unpacks to 128 kB of four bytes: more would unpack too much before it is counted. */
const ZSTD_STEP = 2 ** 12

/**
 * The bytes of a file, stretch by stretch; those of a file that is packed with gzip or Zstandard unpacked. What a file is packed with its first bytes say, not its name: browsers
 * unpack what they fetch and leave the name. Throws PareError where it is damaged, and where it unpacks to more than 2 GiB and 200 times its size.
 */
export async function* bytesOf(file: OpenFile, path: string, free: number = FREE_BYTES): AsyncGenerator<Uint8Array> {
  const kind = await packingOf(file)
  const source = file.handle.createReadStream({ start: 0, autoClose: false })
  try {
    if (kind === undefined) return yield* source
    const { size } = await file.handle.stat()
    const most = Math.max(free, size * MOST_RATIO)
    let bytes = 0
    for await (const piece of kind === 'gzip' ? gunzipped(source, path) : unzstd(source, path)) {
      bytes += piece.byteLength
      if (bytes > most) throw tooMuch(path, most)
      yield piece
    }
  } finally {
    source.destroy()
  }
}

/** All bytes of a file, unpacked, of which there may be so many. Throws PareError like `bytesOf`, and where there are more. */
export async function readUnpacked(path: string, maxBytes: number): Promise<Buffer> {
  await using file = await openFile(path)
  const { size } = await file.handle.stat()
  if (size > maxBytes) {
    throw new PareError(`${path}: ${size} bytes, more than the ${maxBytes} allowed.`, {
      hint: 'evaluate on fewer samples, or split the file.',
    })
  }
  if ((await packingOf(file)) === undefined) return await file.handle.readFile()
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of bytesOf(file, path)) {
    bytes += piece.byteLength
    if (bytes > maxBytes) throw tooMuch(path, maxBytes)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

/** How many bytes a file has, unpacked; Infinity where they are more than `most`. */
export async function unpackedSize(path: string, most: number): Promise<number> {
  await using file = await openFile(path)
  const { size } = await file.handle.stat()
  if ((await packingOf(file)) === undefined) return size
  let bytes = 0
  for await (const piece of bytesOf(file, path)) {
    bytes += piece.byteLength
    if (bytes > most) return Number.POSITIVE_INFINITY
  }
  return bytes
}

type Packing = 'gzip' | 'zstd'

const MAGIC: Readonly<Record<Packing, readonly number[]>> = { gzip: [0x1f, 0x8b], zstd: [0x28, 0xb5, 0x2f, 0xfd] }

async function packingOf({ handle }: OpenFile): Promise<Packing | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
  const begins = (magic: readonly number[]) => magic.length <= bytesRead && magic.every((byte, i) => buffer[i] === byte)
  return begins(MAGIC.gzip) ? 'gzip' : begins(MAGIC.zstd) ? 'zstd' : undefined
}

async function* gunzipped(source: NodeJS.ReadableStream, path: string): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip()
  source.on('error', (error) => gunzip.destroy(error))
  try {
    yield* source.pipe(gunzip)
  } catch (cause) {
    throw damaged(path, 'gzip', cause as Error)
  } finally {
    gunzip.destroy()
  }
}

async function* unzstd(source: AsyncIterable<string | Buffer>, path: string): AsyncGenerator<Uint8Array> {
  const { Decompress } = await import('fzstd')
  let waiting: Uint8Array[] = []
  const stream = new Decompress((piece) => waiting.push(piece.slice()))
  let isFirst = true
  const push = (bytes: Uint8Array, isLast: boolean) => {
    try {
      stream.push(bytes, isLast)
    } catch (cause) {
      throw damaged(path, 'Zstandard', cause as Error)
    }
  }
  for await (const read of source) {
    const bytes = Buffer.from(read)
    if (isFirst) refuseWindow(bytes, path)
    isFirst = false
    for (let at = 0; at < bytes.length; at += ZSTD_STEP) {
      push(bytes.subarray(at, at + ZSTD_STEP), false)
      yield* waiting
      waiting = []
    }
  }
  push(new Uint8Array(0), true)
  yield* waiting
}

/** A frame says how much of what it unpacked must be held (RFC 8878, 3.1.1.1.2). */
function refuseWindow(bytes: Buffer, path: string): void {
  const isSingle = ((bytes[4] ?? 0) >> 5) & 1
  const log = 10 + ((bytes[5] ?? 0) >> 3)
  if (isSingle || log <= MOST_WINDOW_LOG) return
  throw new PareError(`${path}: packed with a window of 2^${log} bytes, and 2^${MOST_WINDOW_LOG} are allowed.`, {
    hint: 'pack it without --long and --ultra, or unpack it first.',
  })
}

function tooMuch(path: string, most: number): PareError {
  return new PareError(`${path}: it unpacks to more than ${most} bytes.`, {
    hint: `evaluate on fewer samples, or split the file; where it is no bomb, unpack it first: ${unpackingOf(path)}`,
  })
}

function damaged(path: string, kind: string, cause: Error): PareError {
  return new PareError(`${path}: not readable as ${kind} (${cause.message}).`, {
    hint: 'the file is cut short or damaged: write or fetch it again.',
    cause,
  })
}

/** The command that unpacks a file, and keeps it. */
export function unpackingOf(path: string): string {
  const name = basename(path)
  if (/\.(tgz|tar\.\w+)$/i.test(name)) return `tar xf ${name}`
  if (/\.bz2$/i.test(name)) return `bunzip2 -k ${name}`
  if (/\.xz$/i.test(name)) return `unxz -k ${name}`
  if (/\.zip$/i.test(name)) return `unzip ${name}`
  if (/\.zstd?$/i.test(name)) return `unzstd ${name}`
  return `gunzip -k ${name}`
}

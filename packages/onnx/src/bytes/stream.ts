import type { FileHandle } from 'node:fs/promises'
import type { Payload } from '../model.js'
import type { Piece } from './splice.js'

export interface StreamOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (bytesWritten: number) => void
  readonly chunkBytes?: number
}

/** Writes the pieces in order. While one buffer is being written, two others are being filled. */
export async function writePieces(handle: FileHandle, pieces: readonly Piece[], options: StreamOptions): Promise<void> {
  const { signal, onProgress, chunkBytes = 1 << 20 } = options
  const total = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
  const buffers = Array.from({ length: 3 }, () => new Uint8Array(Math.min(chunkBytes, total) + ALIGNMENT))
  const cursor = { pieces, piece: 0, offset: 0 }
  let next = 0
  const fills: Promise<Uint8Array>[] = []
  let writing: Promise<void> = Promise.resolve()
  let position = 0
  try {
    startFill()
    startFill()
    while (position < total) {
      signal?.throwIfAborted()
      const bytes = await fills.shift()!
      await writing
      onProgress?.(position)
      writing = quiet(writeFully(handle, bytes, position))
      position += bytes.length
      startFill()
    }
    await writing
    onProgress?.(position)
  } finally {
    // Nothing may touch the file or the buffers after this, whatever failed.
    await Promise.allSettled([writing, ...fills])
  }

  function startFill(): void {
    const buffer = buffers[next++ % 3]!
    fills.push(quiet(fillNext(cursor, buffer)))
  }
}

async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let offset = 0
  while (offset < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, offset, bytes.length - offset, position + offset)
    offset += bytesWritten
  }
}

/** The same promise; its failure is seen where it is awaited, even if that is later. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

/** No element is longer. */
const ALIGNMENT = 16

/** A place in a row of pieces. */
interface PieceCursor {
  readonly pieces: readonly Piece[]
  piece: number
  offset: number
}

interface Read {
  readonly payload: Payload
  readonly offset: number
  /** Where the bytes go, counted from the first byte of the chunk. */
  readonly at: number
  readonly length: number
}

/**
 * Fills a buffer with the bytes at the cursor and resolves to the part that was filled. The cursor moves before this returns, so
 * that the next call may begin while bytes are still on their way. Payloads are read in whole elements, the longest stretch of
 * them in each chunk to an aligned place: what computes them can do so in place.
 */
function fillNext(cursor: PieceCursor, buffer: Uint8Array): Promise<Uint8Array> {
  const { pieces } = cursor
  const room = buffer.length - ALIGNMENT
  const reads: Read[] = []
  const copies: { readonly bytes: Uint8Array; readonly at: number }[] = []
  let filled = 0
  while (filled < room && cursor.piece < pieces.length) {
    const piece = pieces[cursor.piece]!
    const { offset } = cursor
    let length = Math.min(room - filled, piece.byteLength - offset)
    if (piece instanceof Uint8Array) copies.push({ bytes: piece.subarray(offset, offset + length), at: filled })
    else {
      const cutElement = offset + length === piece.byteLength ? 0 : (offset + length) % ALIGNMENT
      if (cutElement >= length) length = filled > 0 ? 0 : length
      else length -= cutElement
      if (length === 0) break
      reads.push({ payload: piece, offset, at: filled, length })
    }
    filled += length
    cursor.offset += length
    if (cursor.offset < piece.byteLength) continue
    cursor.piece++
    cursor.offset = 0
  }
  const longest = reads.reduce<Read | undefined>((most, read) => (read.length > (most?.length ?? 0) ? read : most), undefined)
  const shift = longest === undefined ? 0 : (((longest.offset - longest.at) % ALIGNMENT) + ALIGNMENT) % ALIGNMENT
  const chunk = buffer.subarray(shift, shift + filled)
  for (const { bytes, at } of copies) chunk.set(bytes, at)
  return readInTurn(chunk, reads)
}

async function readInTurn(chunk: Uint8Array, reads: readonly Read[]): Promise<Uint8Array> {
  for (const { payload, offset, at, length } of reads) await payload.read(chunk.subarray(at, at + length), offset)
  return chunk
}

import type { FileHandle } from 'node:fs/promises'
import type { Piece } from './splice.js'

/** A place in a row of pieces. */
export interface PieceCursor {
  readonly pieces: readonly Piece[]
  piece: number
  offset: number
}

export function cursorOver(pieces: readonly Piece[]): PieceCursor {
  return { pieces, piece: 0, offset: 0 }
}

/**
 * Fills `target` with the bytes at the cursor. The cursor moves before this returns, so that the next call may begin while the
 * bytes are still on their way. Resolves to the part that was filled: all of it except at the end.
 */
export function fillNext(cursor: PieceCursor, target: Uint8Array): Promise<Uint8Array> {
  const reads: { readonly piece: Piece; readonly offset: number; readonly into: Uint8Array }[] = []
  let filled = 0
  while (filled < target.length && cursor.piece < cursor.pieces.length) {
    const piece = cursor.pieces[cursor.piece]!
    const length = Math.min(target.length - filled, piece.byteLength - cursor.offset)
    const into = target.subarray(filled, filled + length)
    if (piece instanceof Uint8Array) into.set(piece.subarray(cursor.offset, cursor.offset + length))
    else if (length > 0) reads.push({ piece, offset: cursor.offset, into })
    filled += length
    cursor.offset += length
    if (cursor.offset === piece.byteLength) {
      cursor.piece++
      cursor.offset = 0
    }
  }
  return readInTurn()

  async function readInTurn(): Promise<Uint8Array> {
    for (const { piece, offset, into } of reads) {
      if (!(piece instanceof Uint8Array)) await piece.read(into, offset)
    }
    return target.subarray(0, filled)
  }
}

export interface StreamOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (bytesWritten: number) => void
  readonly chunkBytes?: number
}

/** Writes the pieces in order. While one buffer is being written, two others are being filled. */
export async function writePieces(handle: FileHandle, pieces: readonly Piece[], options: StreamOptions): Promise<void> {
  const { signal, onProgress, chunkBytes = 1 << 20 } = options
  const total = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
  const buffers = Array.from({ length: 3 }, () => new Uint8Array(Math.min(chunkBytes, total)))
  const cursor = cursorOver(pieces)
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
  let written = 0
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written)
    written += bytesWritten
  }
}

/** The same promise; its failure is seen where it is awaited, even if that is later. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

import type { FileHandle } from 'node:fs/promises'
import { PareError } from '../error.js'
import type { Payload } from '../model.js'
import type { Index, PartSpan } from './indexer.js'
import { LIMITS } from './indexer.js'
import { filePayload, makePayload } from './payload.js'
import type { Bytes } from './wire.js'

/** The bytes of a model as read: what is not a large tensor is in memory, the rest stays in the file. */
export interface Image {
  readonly size: number
  readonly label: string
  /** The bytes [from, to): a view where they are in memory. The range lies inside or outside a large part, never across. */
  stretch(from: number, to: number): Payload | Uint8Array
}

/** Parts of at least this many bytes are left in the file. */
const LARGE_PART = 4096

/** An image wholly in memory. `path`: the file the bytes are those of, if any. */
export function memoryImage(bytes: Bytes & { readonly whole: Uint8Array }): Image {
  return { size: bytes.size, label: bytes.label, stretch: (from, to) => bytes.whole.subarray(from, to) }
}

/** Reads everything but the large parts. Linear in what is read. */
export function fileImage(bytes: Bytes, index: Index, file: { readonly handle: FileHandle; readonly path: string }): Image {
  const holes = index.spans.filter((span): span is PartSpan => span.kind === 'part' && span.end - span.start >= LARGE_PART)
  const holeBytes = holes.reduce((sum, hole) => sum + hole.end - hole.start, 0)
  if (bytes.size - holeBytes > LIMITS.skeleton) {
    throw new PareError(`${bytes.label}: ${bytes.size - holeBytes} bytes are not tensors, at most ${LIMITS.skeleton} are read.`, {
      hint: 'look for huge doc_strings or metadata in the model, and for strings or lists that should be tensors.',
    })
  }
  const resident = new Uint8Array(bytes.size - holeBytes)
  // Where each run of resident bytes begins, in the file and in `resident`.
  const runs: { readonly at: number; readonly to: number }[] = [{ at: 0, to: 0 }]
  let filled = 0
  let position = 0
  for (const hole of [...holes, { start: bytes.size, end: bytes.size }]) {
    bytes.read(resident.subarray(filled, filled + hole.start - position), position)
    filled += hole.start - position
    position = hole.end
    runs.push({ at: position, to: filled })
  }
  return { size: bytes.size, label: bytes.label, stretch }

  function stretch(from: number, to: number): Payload | Uint8Array {
    let low = 0
    let high = runs.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (runs[middle]!.at <= from) low = middle
      else high = middle - 1
    }
    const run = runs[low]!
    const start = run.to + from - run.at
    const runEnd = runs[low + 1]?.to ?? resident.length
    if (start + to - from <= runEnd) return resident.subarray(start, start + to - from)
    return filePayload(file.handle, { path: file.path, offset: from }, to - from)
  }
}

/** `stretch` as a payload either way. */
export function payloadAt(image: Image, from: number, to: number): Payload {
  const bytesOrPayload = image.stretch(from, to)
  return bytesOrPayload instanceof Uint8Array ? makePayload(bytesOrPayload) : bytesOrPayload
}

import type { Payload } from '../model.js'
import type { Image } from './image.js'
import type { Index, PartSpan } from './indexer.js'
import { varintBytes, varintSize } from './wire.js'

/** A stretch of output. */
export type Piece = Uint8Array | Payload

/**
 * The bytes of `image` with some parts replaced and every length around them recomputed. `replacement` gives what stands instead
 * of a part (tag and length included; [] takes it out), or undefined to keep it. Where all sizes stay, all other bytes do.
 */
export function splice(image: Image, index: Index, replacement: (part: PartSpan) => readonly Piece[] | undefined): Piece[] {
  const { spans } = index
  const replaced = spans.map((span) => (span.kind === 'part' ? replacement(span) : undefined))
  const growth = growthOf(index, replaced)
  const pieces: Piece[] = []
  let position = 0
  for (const [i, span] of spans.entries()) {
    const instead = span.kind === 'part' ? replaced[i] : prefixInstead(growth[i]!, span.length)
    if (instead !== undefined) {
      copyTo(span.at)
      for (const piece of instead) if (piece.byteLength > 0) pieces.push(piece)
      position = span.end
    } else if (span.kind === 'part') {
      // A kept part is a stretch of its own: it may lie in the file while its surroundings are in memory.
      copyTo(span.start)
      copyTo(span.end)
    }
  }
  copyTo(image.size)
  return pieces

  function copyTo(end: number): void {
    if (end > position) pieces.push(image.stretch(position, end))
    position = Math.max(position, end)
  }
}

/** Adds up the lengths of pieces, in bytes. */
export function lengthOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
}

function growthOf(index: Index, replaced: readonly (readonly Piece[] | undefined)[]): Float64Array {
  const { spans } = index
  const growth = new Float64Array(spans.length)
  for (let i = spans.length - 1; i >= 0; i--) {
    const span = spans[i]!
    let by = growth[i]!
    if (span.kind === 'prefix') {
      by += by === 0 ? 0 : varintSize(span.length + by) - (span.end - span.at)
    } else {
      const instead = replaced[i]
      by = instead === undefined ? 0 : lengthOf(instead) - (span.end - span.at)
    }
    if (span.parent >= 0) growth[span.parent]! += by
  }
  return growth
}

function prefixInstead(growth: number, length: number): readonly Piece[] | undefined {
  return growth === 0 ? undefined : [varintBytes(length + growth)]
}

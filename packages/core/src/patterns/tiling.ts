import type { Floats } from '../backend/backend.js'
import type { Rows } from '../contract/contract.js'
import type { Stripes } from './stripes.js'

/** The size of a tile: rows are outputs, columns what a weight sums over. */
export interface TileSize {
  readonly rows: number
  readonly columns: number
}

/**
 * A weight cut into tiles, those at the edges smaller where they do not divide. Tiles are numbered in the order of their rows, then of their columns,
 * where a row is stored in one piece (Conv, Gemm with transB), else the other way round (MatMul); batches and groups one after another.
 */
export interface Tiling {
  readonly tiles: number
  /** Blocks of rows, over all batches. */
  readonly bands: number
  readonly stripes: Stripes
  /** Tiles of a band. */
  readonly columns: number
  tileAt(band: number, column: number): number
  /** The band of a tile. */
  bandOf(tile: number): number
  /** The first tile of a stripe that begins at an element. */
  firstTile(element: number): number
  /** target[i] = tile of element start + i, counted from the first tile of the stripe that `start` begins. */
  number(start: number, target: Uint32Array): void
}

export function tilingOf({ batch, before, out, after }: Rows, size: TileSize): Tiling {
  const bands = Math.ceil(out / size.rows)
  const columns = Math.ceil((before * after) / size.columns)
  const perBatch = bands * columns
  const period = before * out * after
  const byRows = before === 1
  const numberOf = byRows
    ? (b: number, band: number, column: number) => b * perBatch + band * columns + column
    : (b: number, band: number, column: number) => b * perBatch + column * bands + band
  return { tiles: batch * perBatch, bands: batch * bands, columns, stripes: stripes(), tileAt, bandOf, firstTile, number }

  /** Rows stored in one piece: as many as a tile has. Else as many of the slow part of the columns as a tile has columns, which are whole tiles too. */
  function stripes(): Stripes {
    return { period, step: byRows ? size.rows * after : size.columns * out * after }
  }

  function tileAt(band: number, column: number): number {
    return numberOf(Math.floor(band / bands), band % bands, column)
  }

  function bandOf(tile: number): number {
    const within = tile % perBatch
    return Math.floor(tile / perBatch) * bands + (byRows ? Math.floor(within / columns) : within % bands)
  }

  function firstTile(element: number): number {
    const b = Math.floor(element / period)
    const within = element % period
    return byRows
      ? numberOf(b, Math.ceil(within / after / size.rows), 0)
      : numberOf(b, 0, Math.ceil(((within / out / after) * after) / size.columns))
  }

  function number(start: number, target: Uint32Array): void {
    const first = firstTile(start)
    let a = start % after
    let r = Math.floor(start / after) % out
    let i = Math.floor(start / (after * out)) % before
    let b = Math.floor(start / period)
    for (let e = 0; e < target.length; e++) {
      target[e] = numberOf(b, Math.floor(r / size.rows), Math.floor((i * after + a) / size.columns)) - first
      if (++a < after) continue
      a = 0
      if (++r < out) continue
      r = 0
      if (++i < before) continue
      i = 0
      b++
    }
  }
}

/** Tiles that follow one another. */
export interface Tiles {
  readonly first: number
  /** Sum of the saliencies of a tile, an element that is zero already counting 0; −Infinity where all are zero: it goes first. */
  readonly scores: Float64Array
  /** Elements that are not zero yet. */
  readonly added: Float64Array
}

/** The scores of the tiles of whole stripes, from element `start` of the weight on. Summed in f64 in storage order. */
export function scoreTiles(
  saliency: Floats,
  start: number,
  tiling: Tiling,
): { readonly tiles: Tiles; readonly numbers: Uint32Array } {
  const numbers = new Uint32Array(saliency.length)
  tiling.number(start, numbers)
  const first = tiling.firstTile(start)
  const count = tiling.firstTile(start + saliency.length) - first
  const scores = new Float64Array(count)
  const added = new Float64Array(count)
  for (let e = 0; e < saliency.length; e++) {
    const s = saliency[e]!
    if (s === -Infinity) continue
    scores[numbers[e]!]! += s
    added[numbers[e]!]!++
  }
  for (let t = 0; t < count; t++) if (added[t] === 0) scores[t] = -Infinity
  return { tiles: { first, scores, added }, numbers }
}

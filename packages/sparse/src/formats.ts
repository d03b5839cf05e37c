// Sparse weights as both CPU and GPU know them. Each is a matrix W[out, in]: a row for each output, the columns that it sums over. The product is
// y[M, out] = x[M, in] · Wᵀ. Kernels may reorder what is here into layouts of their own; this is what weights are packed into, checked and counted in.

export type SparseMatrix<V extends StoredValues = StoredValues> = PackedRows<V> | PackedTiles<V> | PackedGroups

/**
 * Values as f32, as the bits of IEEE halves, which kernels widen, or as codes of 8 bits that each output has a scale for. Of halves and codes those are exact
 * that the model stores as such.
 */
export type StoredValues = FloatValues | Int8Array
export type FloatValues = Float32Array | Uint16Array

/** Any zeros anywhere: compressed rows. */
export interface PackedRows<V extends StoredValues = StoredValues> {
  readonly kind: 'rows'
  readonly out: number
  readonly in: number
  /** u32[out + 1]: row o owns the entries from `starts[o]` up to, not including, `starts[o + 1]`. */
  readonly starts: Uint32Array
  /** [entries], ascending within a row. 16 bits where `in` ≤ 65,536, else 32. */
  readonly columns: Uint16Array | Uint32Array
  /** [entries]. None is zero, unless it was there as a NaN or an infinity, which stay. */
  readonly values: V
  /** f32[out]: what the codes of each output are multiplied with, where values are codes. */
  readonly scales?: Float32Array
}

/**
 * Tiles of `tileRows` outputs × `tileColumns` inputs, each present as a whole or absent. A grid from element (0, 0) on: a band is `tileRows` rows. Where the
 * grid does not divide the matrix, the last tiles reach past it and hold zeros there.
 */
export interface PackedTiles<V extends StoredValues = StoredValues> {
  readonly kind: 'tiles'
  readonly out: number
  readonly in: number
  readonly tileRows: number
  readonly tileColumns: number
  /** u32[⌈out ÷ tileRows⌉ + 1]: band b owns the tiles from `starts[b]` up to, not including, `starts[b + 1]`. */
  readonly starts: Uint32Array
  /** [tiles], ascending within a band: the tile begins at input `columns[t] · tileColumns`. 16 bits where that suffices, else 32. */
  readonly columns: Uint16Array | Uint32Array
  /** [tiles, tileRows, tileColumns], row-major within a tile. */
  readonly values: V
  /** f32[out]: what the codes of each output are multiplied with, where values are codes. */
  readonly scales?: Float32Array
}

/**
 * N:M, `keep` of each `of` consecutive inputs: every row has the same number of entries, ⌈in ÷ of⌉ · keep. A group with fewer non-zeros is filled with
 * zeros, at positions of its own, ascending.
 */
export interface PackedGroups {
  readonly kind: 'groups'
  readonly out: number
  readonly in: number
  readonly keep: number
  /** At most 16. */
  readonly of: number
  /** u32[⌈out · entriesOfARow ÷ 8⌉]: entry e has its position within its group in the four bits from 4 · (e mod 8) on of word ⌊e ÷ 8⌋. */
  readonly positions: Uint32Array
  /** [out, ⌈in ÷ of⌉, keep]. Not codes. */
  readonly values: FloatValues
}

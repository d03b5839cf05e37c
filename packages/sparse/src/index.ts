export type { PackedGroups, PackedRows, PackedTiles, SparseMatrix, StoredValues } from './formats.js'

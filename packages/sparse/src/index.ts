export type { FloatValues, PackedGroups, PackedRows, PackedTiles, SparseMatrix, StoredValues } from './formats.js'
export {
  chooseFormat,
  type DenseWeight,
  packGroups,
  packRows,
  packTiles,
  rowsOfGroups,
  type SparseTileSize,
  type ValuePrecision,
} from './pack.js'
export type { SparseSessionOptions } from './session/options.js'
export type { Feeds, Results } from './session/parts.js'
export type { LayerPlan, SessionPlan, SparsityOutlook } from './session/plan.js'
export { SparseSession } from './session/sparse-session.js'

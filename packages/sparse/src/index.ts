export type { PackedGroups, PackedRows, PackedTiles, SparseMatrix, StoredValues } from './formats.js'
export {
  chooseFormat,
  type DenseWeight,
  type Precision,
  packGroups,
  packRows,
  packTiles,
  rowsOfGroups,
  type TileSize,
} from './pack.js'
export type { SparseSessionOptions } from './session/options.js'
export type { Feeds, Results } from './session/parts.js'
export type { LayerPlan, Plan } from './session/plan.js'
export { SparseSession } from './session/sparse-session.js'
export { NO_TELEMETRY, switchOffTelemetry } from './session/telemetry.js'

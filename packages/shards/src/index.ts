export { type GatheredShards, gatherShards, type PlacedManifest } from './gather.js'
export { type DonePiece, MANIFEST_NAME, type ShardManifest, shardManifest } from './manifest.js'
export { placeFrom, rerunning, SHARD_ENGINES, type ShardPlace } from './place.js'
export { type ModelCost, planRun, type RunPiece, type RunPlan, type SpreadModel } from './run-plan.js'

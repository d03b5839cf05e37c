export { PareError } from '@pare/onnx'
export { type AnalyseOptions, analyse, weightsOf } from './analyse/analyse.js'
export { analyseUnits } from './analyse/analyse-units.js'
export { type FoundGroups, findGroups } from './analyse/found-groups.js'
export { type Layer, layersOf, sparsityOf } from './analyse/layers.js'
export { countMacs, macsOfWeights } from './analyse/macs.js'
export { countParameters, countZeros, type Parameters, parameterTensors } from './analyse/zeros.js'
export { applyPlan } from './apply/apply.js'
export { gatePlan } from './apply/gate-plan.js'
export { type MaskBits, noBits, packBits, setBit } from './apply/mask-bits.js'
export type { UpdatedTensor, UpdateStep } from './apply/update.js'
export type {
  Awaitable,
  Backend,
  Bits,
  Candidates,
  Chunk,
  Floats,
  Kernel,
  Precision,
  SaliencyRange,
  Tally,
  UnitLayout,
} from './backend/backend.js'
export { cpu } from './backend/cpu.js'
export { javascript } from './backend/javascript.js'
export { BUCKETS, notFinite, ZEROS } from './backend/keys.js'
export { kth } from './backend/kth.js'
export { type RandomStream, randomStream } from './backend/random.js'
export { reference } from './backend/reference.js'
export { trace } from './backend/trace.js'
export type { Forward, ForwardOptions, Part } from './calibrate/forward.js'
export type { Differentiation } from './calibrate/gradients.js'
export type { Measured, MeasureOptions } from './calibrate/measure.js'
export { type MeasuredAll, measureAll } from './calibrate/measure-all.js'
export { checkWhole, mergeStatistics, type NamedStatistics } from './calibrate/merge.js'
export type { Needing } from './calibrate/statistics.js'
export { formatStatistics, isStatistics, parseStatistics } from './calibrate/statistics-file.js'
export type { CalibrationData, StatisticsFile } from './calibrate/stored-statistics.js'
export { CHUNK_SAMPLES, endOf, startOf } from './calibrate/totals.js'
export type * from './contract/contract.js'
export { type CutRule, cutStructure } from './contract/cut-structure.js'
export { type Channels, channelsOf } from './patterns/channels.js'
export type { NmRule } from './patterns/nm.js'
export type { TileRule } from './patterns/tiles.js'
export type { PermutedGroup, PermuteStep } from './permute/step.js'
export { checkStep } from './plan/check-step.js'
export { makePlan } from './plan/make-plan.js'
export type {
  Budget,
  CalibrationFacts,
  CutStep,
  ElementTarget,
  MaskedWeight,
  MaskRule,
  MaskStep,
  ModelFacts,
  Norm,
  Plan,
  Planned,
  PlanOptions,
  PlanStep,
  Progress,
  PruneStep,
  Target,
  TimeModel,
  UnitTarget,
} from './plan/plan.js'
export { formatPlan, parsePlan, planOf, planPayloads } from './plan/plan-file.js'
export { type CurveRequest, type Curves, type GroupCurve, lossCurves, type WeightCurve } from './probe/curves.js'
export type { InputValue, OpenTrials, Setting, TrialLoss, Trials } from './probe/trials.js'
export { type Repaired, type RepairOptions, repair } from './repair/repair.js'
export type { Allocation, OwlOptions } from './select/allocation.js'
export type { LossCurve } from './select/loss-curves.js'
export type { RowThresholds } from './select/rows.js'
export type { Threshold } from './select/threshold.js'

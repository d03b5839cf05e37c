export { PareError } from '@pare/onnx'
export type { Allocation, OwlOptions } from './allocation.js'
export { type AnalyseOptions, analyse, weightsOf } from './analyse.js'
export { analyseUnits } from './analyse-units.js'
export { applyPlan } from './apply.js'
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
} from './backend.js'
export type { Forward, ForwardOptions, Part } from './calibrate/forward.js'
export type { Differentiation } from './calibrate/gradients.js'
export type { Measured, MeasureOptions } from './calibrate/measure.js'
export { type MeasuredAll, measureAll } from './calibrate/measure-all.js'
export { checkWhole, mergeStatistics, type NamedStatistics } from './calibrate/merge.js'
export type { Needing } from './calibrate/statistics.js'
export { formatStatistics, isStatistics, parseStatistics } from './calibrate/statistics-file.js'
export type { CalibrationData, StatisticsFile } from './calibrate/stored-statistics.js'
export { CHUNK_SAMPLES, endOf, startOf } from './calibrate/totals.js'
export { checkStep } from './check-step.js'
export type * from './contract.js'
export { cpu } from './cpu.js'
export { type FoundGroups, findGroups } from './found-groups.js'
export { gatePlan } from './gate-plan.js'
export { javascript } from './javascript.js'
export { BUCKETS, notFinite, ZEROS } from './keys.js'
export { kth } from './kth.js'
export { type Layer, layersOf, sparsityOf } from './layers.js'
export { cholesky } from './linear-algebra/cholesky.js'
export { firstNotFinite, meanOfDiagonal, raisedDampings } from './linear-algebra/damping.js'
export { type RidgeProblem, type RidgeSolution, ridgeSolve } from './linear-algebra/ridge.js'
export { invertLower } from './linear-algebra/triangle.js'
export { type Matrix, openWorkspace, type Workspace } from './linear-algebra/workspace.js'
export type { LossCurve } from './loss-curves.js'
export { countMacs, macsOfWeights } from './macs.js'
export { makePlan } from './make-plan.js'
export { type MaskBits, noBits, packBits, setBit } from './mask-bits.js'
export { operatorName } from './operators.js'
export { type Channels, channelsOf } from './patterns/channels.js'
export type { NmRule } from './patterns/nm.js'
export type { TileRule } from './patterns/tiles.js'
export type { PermutedGroup, PermuteStep } from './permute/step.js'
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
} from './plan.js'
export { formatPlan, parsePlan, planOf, planPayloads } from './plan-file.js'
export { type CurveRequest, type Curves, type GroupCurve, lossCurves, type WeightCurve } from './probe/curves.js'
export type { InputValue, OpenTrials, Setting, TrialLoss, Trials } from './probe/trials.js'
export { type RandomStream, randomStream } from './random.js'
export { reference } from './reference.js'
export { type Repaired, type RepairOptions, repair } from './repair/repair.js'
export type { RowThresholds } from './rows.js'
export type { Threshold } from './threshold.js'
export { trace } from './trace.js'
export type { UpdatedTensor, UpdateStep } from './update.js'
export { countParameters, countZeros, type Parameters, parameterTensors } from './zeros.js'

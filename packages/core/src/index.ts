// What programs and plugins call. What backends are made of is `@pare/core/backends`.

export { PareError } from '@pare/onnx'
export { type OptionDescription, type OptionsOf, type PluginFactory, z } from '@pare/plugin'
export { analyse, weightsOf } from './analyse/analyse.js'
export { analyseUnits } from './analyse/analyse-units.js'
export type { DataCount } from './analyse/data-counts.js'
export { factorsOf } from './analyse/factors.js'
export { findGroups } from './analyse/found-groups.js'
export { type Layer, layersOf, sparsityOf } from './analyse/layers.js'
export { evaluateMacs, type MacFormula, type MacTerm, macFormula } from './analyse/mac-formula.js'
export { countMacs, type MacCount, macCount, totalMacs } from './analyse/macs.js'
export { type AxisSizes, openAxesOf, requireOpen } from './analyse/open-sizes.js'
export { type TiedCopy, tiedCopies } from './analyse/tied-copies.js'
export { countParameters, countZeros, parameterTensors } from './analyse/zeros.js'
export { applyPlan } from './apply/apply.js'
export { type ChosenUnits, chosenUnits, type KeptAxis } from './apply/chosen-units.js'
export { gatePlan } from './apply/gate-plan.js'
export { hasBit, noBits, packBits, setBit } from './apply/mask-bits.js'
export { type TracedPlan, type TracedTensor, tracePlan } from './apply/trace-plan.js'
export type { UpdateStep } from './apply/update.js'
export type { CrossingType, Forward, ForwardOutput, Relay, SegmentRun } from './calibrate/forward.js'
export type { Differentiation } from './calibrate/gradients.js'
export type { MeasuredStatistics } from './calibrate/measure.js'
export { type MeasuredAll, measureAll } from './calibrate/measure-all.js'
export { checkWhole, mergeStatistics, type NamedStatistics } from './calibrate/statistics/merge.js'
export type { Needing } from './calibrate/statistics/statistics.js'
export { formatStatistics, isStatistics, parseStatistics } from './calibrate/statistics/statistics-file.js'
export type { CalibrationData, StatisticsFile } from './calibrate/statistics/stored-statistics.js'
export { CHUNK_SAMPLES, endOf, startOf } from './calibrate/statistics/totals.js'
export { checkGramProblem } from './contract/check-problem.js'
export type * from './contract/contract.js'
export { cutStructure } from './contract/cut-structure.js'
export { defineCriterion, definePreset, defineStructure } from './contract/define.js'
export { needsFloats } from './contract/needs-floats.js'
export { dampingOption, threadsOption } from './contract/solver-options.js'
export {
  type ComputeConstants,
  type FoldedModel,
  type FoldedWeight,
  type FoldOptions,
  foldWeights,
} from './fold/fold-weights.js'
export type { ComputedConstant } from './fold/folded-model.js'
export { guardCriterion } from './guard/guard-criterion.js'
export { guardStep } from './guard/guard-step.js'
export { guardStructure } from './guard/guard-structure.js'
export { keepZeros } from './masks/keep-zeros.js'
export { transferSteps } from './masks/transfer.js'
export { keptIn, zerosOf } from './masks/zeros.js'
export { channelsOf } from './patterns/channels.js'
export { checkStep } from './plan/check-step.js'
export { makePlan } from './plan/make-plan.js'
export type {
  Budget,
  CalibrationFacts,
  CutStep,
  ElementTarget,
  Folding,
  MaskedWeight,
  MaskStep,
  Norm,
  Plan,
  PlanOptions,
  PlanOutcome,
  PlanProgress,
  PlanStep,
  PresetStep,
  PruneStep,
  Target,
  TimeModel,
  UnitTarget,
} from './plan/plan.js'
export { maskedBy } from './plan/plan.js'
export { formatPlan, parsePlan, planOf, planPayloads } from './plan/plan-file.js'
export { planRounding, type RoundingRequest } from './plan/plan-rounding.js'
export { type Curves, lossCurves } from './probe/curves.js'
export type { InputFile, OpenTrials } from './probe/trials.js'
export type { PartErrors, PartJob, SampleArray, TrainedPart, TrainPart } from './recover/part-job.js'
export { type RecoverBlocksOptions, type RecoveredBlocks, type RecoveredPart, recoverBlocks } from './recover/recover-blocks.js'
export { type RepairResult, repair } from './repair/repair.js'
export type { OpenSearch, SearchFacts, SearchState } from './search/state.js'
export { type Allocation, searchOf } from './select/allocation.js'

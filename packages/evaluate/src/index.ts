export type {
  BlindAnswer,
  BlindTally,
  Combination,
  Contribution,
  Metric,
  MetricFactory,
  MetricNeeds,
  MetricSample,
  MetricTally,
  Pooling,
  SampleBoxes,
  SampleText,
} from '@pare/metric'
export { startTally } from '@pare/metric'
export { type DataOptions, openData, UntrustedError } from './data/data.js'
export { type Batch, type DataSet, inputsFor, padBatch, type Samples } from './data/dataset.js'
export { inMemory } from './data/entries.js'
export { canFill, FILLED_FLAGS, tokenInput } from './data/fill.js'
export { DATA_FORMATS, isModule, mayBeText, UNTRUSTED_HINT } from './data/formats.js'
export { type ColumnGlance, type DataGlance, glanceAt } from './data/glance.js'
export type { ImageOptions } from './data/images/image-options.js'
export { labelNameOf } from './data/match.js'
export type { ModelValue } from './data/model-value.js'
export type { YieldRequest } from './data/module.js'
export { filesNamedBy } from './data/named-files.js'
export {
  castElements,
  type DataArray,
  describe,
  type Elements,
  type ElementType,
  firstNaN,
  type NdArray,
  numbersOf,
  type StringArray,
  sizeOf,
} from './data/ndarray.js'
export { ASKED_COLUMNS, type Asking } from './data/questions/question.js'
export { TRANSCRIPTS } from './data/questions/sound-entries.js'
export { type ColumnNames, type ColumnValues, ID_NAMES } from './data/rows/columns.js'
export type { MixedFile } from './data/rows/mixed.js'
export type { SamplePart } from './data/rows/part.js'
export type { Sample, SampleValue } from './data/rows/sample.js'
export type { TextOptions } from './data/text/text-options.js'
export { mostSamples, type ShapesFor } from './measure/batch-size.js'
export type { CompareRequest, Difference } from './measure/compare.js'
export type { ConstantPlace, ConstantPlaces, ConstantsRequest } from './measure/constants.js'
export type { NoDeviceRun } from './measure/device-run.js'
export {
  benchModels,
  compareModels,
  compareRenamedModels,
  computeConstants,
  describeModel,
  digestModule,
  evaluate,
  forwardModel,
  lookAtData,
} from './measure/evaluate.js'
export type { ForwardPart, ForwardRequest, ForwardResult, Shard } from './measure/forward.js'
export type {
  DeviceLatency,
  Latency,
  LatencyCase,
  LatencyRequest,
  SparseLatency,
  SparseTimes,
  Speed,
} from './measure/latency/latency.js'
export type { Estimate, SpeedVerdict } from './measure/latency/latency-statistics.js'
export { type FirstLook, type LookRequest, sharedSamples } from './measure/look.js'
export { openRelay, type RelayOptions, type RelayProcess } from './measure/relay/open-relay.js'
export type { RelayRequest, RelayState, SegmentRequest, ShapesOfFew } from './measure/relay/relay.js'
export type { RenamedComparison, RenamedRequest } from './measure/renamed.js'
export { openTrials, type TrialProcess } from './measure/trials/open-trials.js'
export type { StoredArray } from './measure/trials/stored-arrays.js'
export type { Round, TrialRequest, TrialSetting } from './measure/trials/trials.js'
export {
  findAggregates,
  findMetric,
  type MetricFields,
  type MetricModules,
  type MetricReference,
  readMetric,
  writeMetric,
} from './metrics/find.js'
export { judgeBatch } from './metrics/judged.js'
export { METRIC_NAMES } from './metrics/metric-names.js'
export type { ReadingOptions } from './metrics/outcome.js'
export { answerJob } from './process/answer.js'
export { type BatchAxis, batchAxisOf, checkBatchAxis } from './process/batch-axis.js'
export type { Ask, JobFunction, Setup, Talk } from './process/job.js'
export { type ChildOptions, RunError, runChild } from './process/process.js'
export { PROVIDERS, type Provider } from './process/providers.js'
export type {
  EvaluateRequest,
  Evaluation,
  EvaluationProgress,
  ModelAnswers,
  ModelDescription,
  Scores,
} from './process/request.js'
export { createSession, loadRuntime, type Runtime, toModelValue } from './process/runtime.js'

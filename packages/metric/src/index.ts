export { type OptionDescription, type OptionsOf, z } from '@pare/plugin'
export {
  classShares,
  commonestAnswer,
  commonestChoice,
  commonestClasses,
  meanTarget,
  medianTarget,
  tokenShares,
} from './blind.js'
export { aggregateOf, perSampleOf } from './combine.js'
export type * from './contract.js'
export { type ClassCounts, countsRecord, meanOf, overCounts, ratio } from './counts.js'
export { defineMetric, type MetricDefinition, type MetricPlugin } from './define.js'
export { chancesOf, chosenOf, probabilitiesOf, softplus } from './probabilities.js'
export { type RecordedSample, type Replay, replayOf, type SampleRecorder, startRecorder } from './recording.js'
export { type SampleParts, sampleOf } from './sample.js'
export { bestOf, divergence, isDistribution, negativeLogLikelihood, rankOf } from './scores.js'
export {
  isBetweenZeroAndOne,
  type MetricTally,
  type ReadableSample,
  type Reading,
  readableSample,
  startTally,
} from './tally.js'

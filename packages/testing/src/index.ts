export { type ArrayInput, arrayForward } from './array-forward.js'
export { type BackendTestOptions, testBackend } from './backend.js'
export { type CriterionTestOptions, testCriterion } from './criterion.js'
export { type CutStructureOptions, testCutStructure } from './cut-structure.js'
export { HOSTILE_TEXTS, harmIn } from './hostile-texts.js'
export { testMaskCriterion } from './mask-criterion.js'
export { type MetricTestOptions, metricValue, testMetric } from './metric.js'
export {
  boxSamples,
  classSamples,
  manyLabelSamples,
  randomNumbers,
  type SampleSetOptions,
  samplesFor,
  textSamples,
  tokenSamples,
  valueSamples,
} from './metric-samples.js'
export { testPreset } from './preset.js'
export { missingPython, type PythonInput, python } from './python.js'
export { testSolver } from './solver.js'
export { testStructure } from './structure.js'
export { TINY_WORDS, type TinyFolderOptions, writeTinyFolder } from './tiny-folder.js'
export { tinyModels } from './tiny-models.js'
export { TINY_WHISPER, toneWav, writeTinyWhisper } from './tiny-whisper.js'
export { testUnitCriterion } from './unit-criterion.js'

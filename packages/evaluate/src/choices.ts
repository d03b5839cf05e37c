// What an evaluation may be told, as lists: schemas, help and messages are made of them. Nothing heavy is imported here, so that a command line starts fast.

export { DATA_FORMATS, formatOf, isModule, mayBeText, UNTRUSTED_HINT } from './data/formats.js'
export { RESAMPLES } from './data/images/image-options.js'
export { WRITING_TASKS, type WritingOptions } from './data/questions/question.js'
export { mixedCounts } from './data/rows/mixed-counts.js'
export { BESIDE_TOKENIZER } from './data/text/beside-tokenizer.js'
export { describeMetrics, type MetricDescription } from './metrics/describe.js'
export { METRIC_NAMES } from './metrics/metric-names.js'
export { PROVIDERS } from './process/providers.js'

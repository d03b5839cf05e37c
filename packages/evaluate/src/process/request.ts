import type { Measurement, SampleFacts } from '@pare/gate'
import type { ImageOptions } from '../data/images/image-options.js'
import type { ModelValue } from '../data/model-value.js'
import type { WritingOptions } from '../data/questions/question.js'
import type { MixedFile } from '../data/rows/mixed.js'
import type { SamplePart } from '../data/rows/part.js'
import type { TextOptions } from '../data/text/text-options.js'
import type { EvaluationShare } from '../measure/sharing/share.js'
import type { MetricModules } from '../metrics/find.js'
import type { ReadingOptions } from '../metrics/outcome.js'
import type { BatchAxis } from './batch-axis.js'
import type { Provider } from './provider.js'

/** One model over one data set. */
export interface EvaluateRequest extends Omit<ReadingOptions, 'names'> {
  /** Path of the model. */
  readonly model: string
  /** Path of the encoder that reads for the model, which is a decoder: both are measured as one. Default: the model is measured alone */
  readonly encoder?: string
  /** The same for the reference. Default: `encoder` */
  readonly referenceEncoder?: string
  /** Path of a reference model, run over the same samples: metrics such as 'agreement' compare with it, and it is measured too. */
  readonly reference?: string
  /** Path of the model that this one was made of, beside which files may lie that say how data are read. Default: they lie beside the model or its reference */
  readonly origin?: string
  /** Path of the evaluation data, see `openData`. */
  readonly data: string
  /** Files of which samples are mixed: the data are then the first of them. Default: the data alone */
  readonly mixture?: readonly MixedFile[]
  /** As they are written: 'accuracy', 'top-5', 'f1:average=micro'. */
  readonly metrics: readonly string[]
  /** Files of metrics that do not come with Pare, by name. They are run. */
  readonly modules?: MetricModules
  /** Samples that run at once. Default: the model's own batch where it is fixed, else up to 32, fewer where samples are large. */
  readonly batch?: number
  /** Default: all cores. */
  readonly threads?: number
  /** Reads the data as text. */
  readonly text?: TextOptions
  /** A table of rows that stand before each question with their answers, for metrics that ask; see `openExamples`. Default: none */
  readonly examples?: string
  /** How a language model writes answers, where a metric reads text. */
  readonly writing?: WritingOptions
  /** Name of the array with the labels. Default: the first of 'label', 'labels', 'y', 'target'. */
  readonly label?: string
  /** Name of the output that is measured. Default: 'logits', else the first. */
  readonly output?: string
  /** Name of the column, or array, that says which samples belong together. Default: what the format itself knows, windows of one document for example. */
  readonly group?: string
  /** Columns by which samples are told apart. */
  readonly slices?: readonly string[]
  /** Name of the column that names samples. Default: the first of 'id', 'path', 'file' that is no input; else they are numbered. */
  readonly id?: string
  /** Names of classes in the order of their numbers, for labels that are names. Default: those of a config.json beside model or data, else those that the model names. */
  readonly classes?: readonly string[]
  /** How images become numbers. Default: as a preprocessor_config.json beside model or data says */
  readonly image?: ImageOptions
  /** The folder in which all files must lie that data name which are not trusted. Default: that of the data */
  readonly workspace?: string
  /** The axis of samples of inputs and outputs, by name or of all that have it. Default: that which is named batch or N, else the first */
  readonly batchAxis?: BatchAxis
  /** Whether a data module may be run. Default: false. */
  readonly trusted?: boolean
  /** Only these of the samples. Default: all */
  readonly part?: SamplePart
  /** Only the batches of one share, which are recorded for a merge. Default: all, and nothing is recorded */
  readonly share?: EvaluationShare
  /** Paths of the recordings of all shares: no model is run. Default: the models are run */
  readonly recordings?: readonly string[]
}

/** The classes that one model answered with, one for each sample. */
export interface ModelAnswers {
  /** −1 where the label of a sample does not count. */
  readonly predicted: readonly number[]
  /** How probable the model held its answer. Absent: it says classes alone. */
  readonly confidence?: readonly number[]
}

/** What one model scored. */
export interface Scores {
  /** By name, measured ones only. All are finite. */
  readonly metrics: Readonly<Record<string, number>>
  readonly measurements: readonly Measurement[]
  /** Metrics without a value, and why. Never a pass. */
  readonly unmeasured: readonly { readonly metric: string; readonly reason: string }[]
  /** Where a metric compares one class a sample with a label. */
  readonly answers?: ModelAnswers
}

export interface Evaluation extends Scores {
  readonly samples: number
  /** What is known of the samples besides what was measured. Default: nothing */
  readonly facts?: SampleFacts
  /** The right class of each sample, where there are `answers`; −1 where it does not count. */
  readonly labels?: readonly number[]
  /** In the order of their numbers, where names are known. */
  readonly classNames?: readonly string[]
  /** The beginning of the text of samples that changed sides, by number, where the data are text. */
  readonly texts?: Readonly<Record<number, string>>
  /** The reference's own scores over the same samples, where one was named. */
  readonly reference?: Scores
  /** What was decided for want of a word from the user, in sentences. */
  readonly notes: readonly string[]
  /** Arrays of the data that are neither an input nor the label. */
  readonly ignored: readonly string[]
  /** Name of the output that was measured. */
  readonly output: string
  readonly batch: number
  readonly threads: number
  readonly executionProvider: Provider
  /** Version of ONNX Runtime. */
  readonly onnxruntime: string
  readonly durationMs: number
  /** Largest resident memory seen of the child process, polled. */
  readonly peakMemoryBytes: number
}

/** Inputs and outputs of a model as ONNX Runtime sees them. */
export interface ModelDescription {
  readonly inputs: readonly ModelValue[]
  readonly outputs: readonly ModelValue[]
}

export interface EvaluationProgress {
  /** Samples that have run. */
  readonly done: number
  /** All samples, where that is known. */
  readonly total?: number
}

import {
  type BatchAxis,
  firstNaN,
  type ImageOptions,
  inMemory,
  type ModelValue,
  openData,
  type Samples,
  type TextOptions,
} from '@pare/evaluate'
import { type Model, PareError, present, type ValueInfo } from '@pare/onnx'
import { openSource, type SampleSource } from './samples.js'

export interface TrainingDataOptions {
  /** Path of the training data, see `openData`. */
  readonly data: string
  readonly text?: TextOptions
  /** How images become numbers. Default: as a preprocessor_config.json beside model or data says */
  readonly image?: ImageOptions
  /** Names of classes in the order of their numbers, for labels that are names. Default: as `openData` finds them */
  readonly classes?: readonly string[]
  /** Model that this one was made of, beside which config.json and preprocessor_config.json may lie. Default: none */
  readonly original?: string
  /** The folder in which all files must lie that data name which are not trusted. Default: that of the data */
  readonly workspace?: string
  /** Name of the array with the labels. Default: the first of 'label', 'labels', 'y', 'target' */
  readonly label?: string
  /** Name of the output that is judged. Default: 'logits', else the first */
  readonly output?: string
  /** The axis of samples of inputs and outputs. Default: that which is named batch or N, else the first */
  readonly batchAxis?: BatchAxis
  readonly trusted?: boolean
  readonly seed: number
  readonly holdOut: number
}

export interface TrainingData {
  readonly samples: Samples
  readonly source: SampleSource
  /** Those that the data are for. */
  readonly inputs: readonly ModelValue[]
  readonly output: string
  readonly isText: boolean
}

/** The data of a training, all of it in memory, mixed and with some of it held out. The model has its samples on the first axis. */
export async function openTrainingData(model: Model, options: TrainingDataOptions): Promise<TrainingData> {
  const { text, label, image, classes, original, workspace, trusted = false } = options
  const inputs = inputsOf(model)
  const output = outputOf(model, options.output)
  const opened = await openData(options.data, {
    ...{ inputs, trusted, models: original === undefined ? [] : [original] },
    ...present({ text, label, image, classes, workspace }),
  })
  const samples = await inMemory(opened, inputs)
  refuseMissing(samples)
  return { samples, inputs, output, source: openSource(samples, options), isText: samples.tokens !== undefined }
}

/** A target that is not there would make the loss NaN. */
function refuseMissing(samples: Samples): void {
  for (let from = 0; from < samples.samples; from += READ_AT_ONCE) {
    const numbers = Uint32Array.from({ length: Math.min(READ_AT_ONCE, samples.samples - from) }, (_, i) => from + i)
    const { label } = samples.pick(numbers)
    const missing = label === undefined ? -1 : firstNaN(label)
    if (missing < 0) continue
    const sample = from + Math.floor((missing * numbers.length) / label!.data.length)
    throw new PareError(`retrain: the label of sample ${sample} is NaN.`, { hint: 'leave samples without a target out.' })
  }
}

const READ_AT_ONCE = 1024

export function inputsOf({ graph }: Model): ModelValue[] {
  const initializers = new Set(graph.initializers.map(({ name }) => name))
  return valuesOf(graph.inputs).filter(({ name }) => !initializers.has(name))
}

/** Tensors, as a session lists them. */
export function valuesOf(values: readonly ValueInfo[]): ModelValue[] {
  return values.flatMap(({ name, type, shape = [] }) =>
    type === undefined ? [] : [{ name, type, shape: shape.map((dim) => dim ?? '') }],
  )
}

export function outputOf({ graph }: Model, choice: string | undefined): string {
  const names = graph.outputs.map(({ name }) => name)
  const match =
    choice === undefined ? (names.find((name) => name === 'logits') ?? names[0]) : names.find((name) => name === choice)
  if (match !== undefined) return match
  throw new PareError(`retrain: the model has ${choice === undefined ? 'no output' : `no output '${choice}'`}.`, {
    hint: `outputs that can be judged: ${names.join(', ') || 'none'}.`,
  })
}

/** The model's batch, where it is fixed. */
export function fixedBatchOf(inputs: readonly ModelValue[]): number | undefined {
  return inputs
    .filter(({ shape }) => shape.length > 1)
    .map(({ shape }) => shape[0])
    .find((dim) => typeof dim === 'number')
}

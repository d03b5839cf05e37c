import { inMemory, type ModelValue, openData, type Samples, type TextOptions } from '@pare/evaluate'
import { type Model, PareError, present } from '@pare/onnx'
import { openSource, type SampleSource } from './samples.js'

export interface TrainingDataOptions {
  /** Path of the training data, see `openData`. */
  readonly data: string
  readonly text?: TextOptions
  /** Name of the array with the labels. Default: the first of 'label', 'labels', 'y', 'target' */
  readonly label?: string
  /** Name of the output that is judged. Default: 'logits', else the first */
  readonly output?: string
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

/** The data of a training, all of it in memory, mixed and with some of it held out. */
export async function openTrainingData(model: Model, options: TrainingDataOptions): Promise<TrainingData> {
  const { text, label, trusted = false } = options
  const inputs = inputsOf(model)
  const output = outputOf(model, options.output)
  const opened = await openData(options.data, { inputs, trusted, ...present({ text, label }) })
  const samples = await inMemory(opened, inputs)
  return { samples, inputs, output, source: openSource(samples, options), isText: samples.tokens !== undefined }
}

export function inputsOf({ graph }: Model): ModelValue[] {
  const initializers = new Set(graph.initializers.map(({ name }) => name))
  return graph.inputs.flatMap(({ name, type, shape = [] }) =>
    type === undefined || initializers.has(name) ? [] : [{ name, type, shape: shape.map((dim) => dim ?? '') }],
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

import { gradient, type Loss, type LossOptions, withLoss } from '@pare/autograd'
import { type BatchAxis, type ImageOptions, type MixedFile, openData, type TextOptions } from '@pare/evaluate'
import { type Model, present } from '@pare/onnx'
import { inputsOf, outputOf } from '../data/training-data.js'
import { chooseLoss, IGNORED } from '../losses.js'
import { withConstants } from './graphs.js'
import { samplesFirst } from './samples-first.js'

export interface LossDataOptions {
  /** Path of the training data. */
  readonly data: string
  readonly text?: TextOptions
  readonly image?: ImageOptions
  /** Names of classes in the order of their numbers, for labels that are names. Default: as `openData` finds them */
  readonly classes?: readonly string[]
  /** The file of the model. Default: unknown */
  readonly original?: string
  /** The folder in which all files must lie that data name which are not trusted. Default: that of the data */
  readonly workspace?: string
  /** Files of which samples are mixed: the data are then the first of them. Default: the data alone */
  readonly mixture?: readonly MixedFile[]
  /** Name of the array with the labels. Default: the first of 'label', 'labels', 'y', 'target' */
  readonly label?: string
  /** Name of the output that is judged. Default: 'logits', else the first */
  readonly output?: string
  /** Default: what model and data suggest, see `chooseLoss` */
  readonly loss?: Loss
  /** The axis of samples of inputs and outputs. Default: that which is named batch or N, else the first */
  readonly batchAxis?: BatchAxis
  readonly trusted?: boolean
}

/** A loss over training data, whose labels are an input of the array's own name. */
export interface DataLoss {
  readonly kind: Loss
  /** For people: 'the labels are whole numbers'. */
  readonly why: string
  /** The model with its samples on the first axis, the loss, and its gradients with respect to constants: names of the gradients by theirs. Constants stay constants. */
  differentiate(model: Model, tensors: readonly string[]): Promise<{ model: Model; gradients: ReadonlyMap<string, string> }>
}

/** The loss that training data suggest for a model. Reads one sample. Throws PareError where there is nothing to learn from. */
export async function lossOver(model: Model, options: LossDataOptions): Promise<DataLoss> {
  const { text, label, image, classes, original, workspace, mixture, trusted = false, loss: setting } = options
  const output = outputOf(model, options.output)
  const { batchAxis } = options
  const inputs = inputsOf(samplesFirst(model, batchAxis))
  const data = await openData(options.data, {
    ...{ inputs, trusted, models: original === undefined ? [] : [original] },
    ...present({ text, label, image, classes, workspace, mixture }),
  })
  let sample: Parameters<typeof chooseLoss>[0]['sample'] = { first: 0, size: 0, inputs: {} }
  for await (const batch of data.batches(1)) {
    sample = batch
    break
  }
  const { kind, why } = chooseLoss({ setting, output, sample, distill: undefined })
  const target = kind === 'next-token' ? data.tokens : data.labelName
  const part: LossOptions = { kind, output, ignore: IGNORED, ...present({ target }) }
  return {
    kind,
    why,
    async differentiate(model, tensors) {
      const { model: judged, loss } = withLoss(samplesFirst(model, batchAxis), [part])
      const graph = await gradient(judged, { of: loss, wrt: tensors })
      return { model: withConstants(graph.model, judged), gradients: graph.gradients }
    },
  }
}

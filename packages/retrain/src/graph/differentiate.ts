import { gradient, type Loss, type LossOptions, withLoss } from '@pare/autograd'
import { type ImageOptions, type MixedFile, openData, type TextOptions } from '@pare/evaluate'
import { constantsOf, editGraph, editModel, editTensor, type Model, present } from '@pare/onnx'
import { inputsOf, outputOf } from '../data/training-data.js'
import { chooseLoss, IGNORED } from '../losses.js'

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
  readonly trusted?: boolean
}

/** A loss over training data, whose labels are an input of the array's own name. */
export interface DataLoss {
  readonly kind: Loss
  /** For people: 'the labels are whole numbers'. */
  readonly why: string
  /** Appends it, and its gradients with respect to constants: names of the gradients by theirs. Constants stay constants. */
  differentiate(model: Model, tensors: readonly string[]): Promise<{ model: Model; gradients: ReadonlyMap<string, string> }>
}

/** The loss that training data suggest for a model. Reads one sample. Throws PareError where there is nothing to learn from. */
export async function lossOver(model: Model, options: LossDataOptions): Promise<DataLoss> {
  const { text, label, image, classes, original, workspace, mixture, trusted = false, loss: setting } = options
  const output = outputOf(model, options.output)
  const inputs = inputsOf(model)
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
      const { model: judged, loss } = withLoss(model, [part])
      const graph = await gradient(judged, { of: loss, wrt: tensors })
      return { model: withConstants(graph.model, judged), gradients: graph.gradients }
    },
  }
}

/** What gradients made inputs, as the constants they were. */
function withConstants(derived: Model, { graph }: Model): Model {
  const inputs = new Set(derived.graph.inputs.map(({ name }) => name))
  const back = [...constantsOf(graph)].flatMap(([name, tensor]) =>
    inputs.has(name) ? [tensor.name === name ? tensor : editTensor(tensor, { name })] : [],
  )
  const names = new Set(back.map(({ name }) => name))
  return editModel(derived, {
    graph: editGraph(derived.graph, {
      inputs: derived.graph.inputs.filter(({ name }) => !names.has(name)),
      initializers: [...derived.graph.initializers.filter(({ name }) => !names.has(name)), ...back],
    }),
  })
}

import { type BatchStatistics, gradient, inBlocks, type LossOptions, withLoss } from '@pare/autograd'
import {
  constantsOf,
  editGraph,
  editModel,
  editTensor,
  editValueInfo,
  leadingTo,
  type Model,
  madeBy,
  makeValueInfo,
  present,
  type Tensor,
  tensorIn,
} from '@pare/onnx'

/** The two models of a training. Weights are inputs of both. */
export interface Graphs {
  /** Gives the loss of a batch and its gradients, in training mode. */
  readonly training: Model
  /** Gives the loss, its parts and the judged output, in the mode in which the model is used. */
  readonly judging: Model
  readonly loss: string
  /** In the order of the losses, each before it is weighted. */
  readonly parts: readonly string[]
  /** Output of `training` that holds the gradient, by name of the weight. */
  readonly gradients: ReadonlyMap<string, string>
  readonly statistics: readonly BatchStatistics[]
  /** What cannot be trained, with the reason. */
  readonly frozen: ReadonlyMap<string, string>
}

export interface GraphRequest {
  readonly losses: readonly LossOptions[]
  /** Value that metrics look at. */
  readonly output: string
  /** Names of what is trained. */
  readonly weights: readonly string[]
  /** Whether BatchNormalization uses the statistics of the batch, and its own follow. */
  readonly batchStatistics: boolean
  /** What activations may take that are kept for the backward pass, where inputs have these shapes. Default: no limit */
  readonly memory?: { readonly bytes: number; readonly inputs: Readonly<Record<string, readonly number[]>> }
  /** Samples in each batch that is trained on. */
  readonly batch: number
  /** Channels in a block of this machine's layout for convolutions, 0 where it has none. */
  readonly channelBlock: number
}

export type BuildGraphs = (model: Model, request: GraphRequest) => Promise<Graphs>

export const buildGraphs: BuildGraphs = async (model, request) => {
  const { losses, output, weights, batchStatistics, memory, batch, channelBlock } = request
  const { model: judged, loss, parts } = withLoss(model, losses)
  const { gradients, statistics, frozen, ...rest } = await gradient(ofSamples(judged, batch), {
    ...{ of: loss, wrt: weights, mode: batchStatistics ? 'training' : 'inference', noRule: 'freeze', channelBlock },
    ...present({ memory }),
  })
  const moments = statistics.flatMap(({ mean, variance }) => [mean, variance])
  const judging = withInputs(withOnly(judged, [...new Set([loss, ...parts, output])]), new Set([...gradients.keys(), ...moments]))
  const outputs = [
    loss,
    ...gradients.values(),
    ...statistics.flatMap(({ batchMean, batchVariance }) => [batchMean, batchVariance]),
  ]
  return {
    ...{ training: withConstants(withOnly(rest.model, outputs), judged, frozen), judging: await inBlocks(judging, channelBlock) },
    ...{ loss, parts, gradients, statistics, frozen },
  }
}

/** With so many samples in each batch, where the model leaves that open: what has one size can be written better. */
function ofSamples(model: Model, batch: number): Model {
  const inputs = model.graph.inputs.map((input) => {
    const [first, ...rest] = input.shape ?? []
    return !input.shape?.length || typeof first === 'number' ? input : editValueInfo(input, { shape: [batch, ...rest] })
  })
  return editModel(model, { graph: editGraph(model.graph, { inputs }) })
}

/** The model with these outputs and no others. */
function withOnly(model: Model, names: readonly string[]): Model {
  const there = new Map(model.graph.outputs.map((value) => [value.name, value]))
  const outputs = names.map((name) => there.get(name) ?? makeValueInfo({ name }))
  return editModel(model, { graph: editGraph(model.graph, { outputs }) })
}

/** The model with some constants as inputs of the same name. */
export function withInputs(model: Model, names: ReadonlySet<string>): Model {
  const { graph } = model
  const there = new Set(graph.inputs.map(({ name }) => name))
  const constants = graph.nodes.flatMap((node) => {
    const tensor = tensorIn(node)
    const name = node.outputs[0]!
    return tensor !== undefined && names.has(name) ? [{ node, tensor: { ...tensor, name } }] : []
  })
  const tensors: Tensor[] = [
    ...graph.initializers.filter(({ name }) => names.has(name)),
    ...constants.map(({ tensor }) => tensor),
  ]
  const inputs = tensors
    .filter(({ name }) => !there.has(name))
    .map(({ name, type, shape }) => makeValueInfo({ name, type, shape }))
  const nodes = new Set(constants.map(({ node }) => node))
  return editModel(model, {
    graph: editGraph(graph, {
      inputs: [...graph.inputs, ...inputs],
      initializers: graph.initializers.filter(({ name }) => !names.has(name)),
      nodes: graph.nodes.filter((node) => !nodes.has(node)),
    }),
  })
}

/** The model with inputs that gradients made of constants as the constants they were in another model. `names`: of these alone. Default: of all */
export function withConstants(derived: Model, { graph }: Model, names?: Pick<ReadonlySet<string>, 'has'>): Model {
  const inputs = new Set(derived.graph.inputs.map(({ name }) => name).filter((name) => names?.has(name) ?? true))
  const back = [...constantsOf(graph)].flatMap(([name, tensor]) =>
    inputs.has(name) ? [tensor.name === name ? tensor : editTensor(tensor, { name })] : [],
  )
  const own = new Set(back.map(({ name }) => name))
  return editModel(derived, {
    graph: editGraph(derived.graph, {
      inputs: derived.graph.inputs.filter(({ name }) => !own.has(name)),
      initializers: [...derived.graph.initializers.filter(({ name }) => !own.has(name)), ...back],
    }),
  })
}

/** The model with these values as its outputs, and without what does not lead to them: what a teacher has to compute. */
export function onlyFor(model: Model, names: readonly string[]): Model {
  const { graph } = withOnly(model, names)
  const needed = leadingTo(graph, names)
  const nodes = graph.nodes.filter((node) => madeBy(node).some((output) => needed.has(output)))
  return editModel(model, { graph: editGraph(graph, { nodes }) })
}

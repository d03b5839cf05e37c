import {
  capturedBy,
  editGraph,
  editModel,
  editNode,
  GraphWriter,
  keyOf,
  type Model,
  madeBy,
  makeValueInfo,
  type Node,
  PareError,
  type Tensor,
  tensorIn,
} from '@pare/onnx'
import { after } from './after.js'
import { inBlocks } from './blocked.js'
import { decompose } from './decompose/decompose.js'
import { flowOf } from './flow.js'
import { lift } from './lift.js'
import { type RecomputeOptions, recompute } from './recompute.js'
import { ruleOf } from './rules/rules.js'
import { type GradientFacts, typedFactsOf } from './site/facts.js'
import { GradientSite, type Gradients } from './site/site.js'
import { type BatchStatistics, withBatchStatistics } from './site/statistics.js'

export interface DifferentiationOptions {
  /** Name of the value whose gradient is taken: one number. */
  readonly of: string
  /**
   * Names of what is differentiated by: initializers and Constant nodes (they become inputs of the same name), inputs, or any value in between.
   */
  readonly wrt: readonly string[]
  /**
   * 'inference': BatchNormalization uses the statistics it stores. 'training': it uses those of the batch, and `statistics` says where they come
   * out. Dropout does nothing in either. Default: 'inference'
   */
  readonly mode?: 'inference' | 'training'
  /**
   * What activations that are kept for the backward pass may take, in bytes, where inputs have these shapes: what is more is computed again from fewer of
   * them. Default: no limit
   */
  readonly memory?: { readonly bytes: number; readonly inputs: Readonly<Record<string, readonly number[]>> }
  /**
   * 'refuse': a value of `wrt` before an operator without a rule is an error that names the node. 'freeze': it is left out, and named in `frozen`.
   * Default: 'refuse'
   */
  readonly noRule?: 'refuse' | 'freeze'
  /**
   * Channels in a block of the layout in which ONNX Runtime computes convolutions on this machine: convolutions and the gradients of their weights are written in it, and no
   * other run time takes the model. Weights' gradients only where sizes are stated, that of the batch too. Default: 0, no such layout
   */
  readonly channelBlock?: number
}

/** A model that computes a loss and its gradients. */
export interface Gradient {
  /** Its outputs: those that the model had, the loss among them, gradients, and statistics of the batch. Its operator set is 18 at least. */
  readonly model: Model
  readonly loss: string
  /** Output that holds the gradient, in the shape of what it belongs to, by name of `wrt`. */
  readonly gradients: ReadonlyMap<string, string>
  /** What of `wrt` has no gradient, with the reason. */
  readonly frozen: ReadonlyMap<string, string>
  /** With mode 'training': where the statistics of each batch come out. */
  readonly statistics: readonly BatchStatistics[]
}

/**
 * The graph of a loss and its gradients, made of the operators of inference alone: the model's nodes, and behind them, from the last to the first, what
 * the rule of each node writes. Nodes that `of` does not depend on, or that depend on nothing of `wrt`, have no part in it. Linear in nodes.
 * Throws PareError where an operator on the way has no rule, naming the node.
 */
export async function gradient(model: Model, options: DifferentiationOptions): Promise<Gradient> {
  const { channelBlock = 0 } = options
  const prepared = await decompose(lift(withInputs(model, new Set(options.wrt))))
  const { model: forward, statistics } =
    options.mode === 'training' ? withBatchStatistics(prepared) : { model: prepared, statistics: [] }
  const facts = await typedFactsOf(forward)
  let frozen = new Map<string, string>()
  for (;;) {
    const wrt = options.wrt.filter((name) => !frozen.has(name))
    try {
      const flow = flowOf(forward, { of: options.of, wrt })
      const reachable = wrt.filter((name) => flow.flows.has(name))
      const off = wrt
        .filter((name) => !flow.flows.has(name))
        .map((name) => [name, `'${options.of}' does not depend on it`] as const)
      const derivative = write(forward, {
        of: options.of,
        wrt: reachable,
        flows: flow.flows,
        facts,
        inOrder: options.memory !== undefined,
        channelBlock,
      })
      const complete = {
        model: withOutputs(derivative.model, [
          ...derivative.gradients.values(),
          ...statistics.flatMap(({ batchMean, batchVariance }) => [batchMean, batchVariance]),
        ]),
        loss: options.of,
        gradients: derivative.gradients,
        frozen: new Map([...frozen, ...off]),
        statistics,
      }
      const bounded =
        options.memory === undefined
          ? complete.model
          : await recompute(complete.model, { ...options.memory, ...derivative.backward })
      return { ...complete, model: await inBlocks(bounded, channelBlock) }
    } catch (error) {
      if (options.noRule !== 'freeze' || !(error instanceof NoGradient)) throw error
      frozen = new Map([...frozen, ...behind(forward, wrt, error.node).map((name) => [name, error.message] as const)])
    }
  }
}

/** A node on the way has no gradient. */
export class NoGradient extends PareError {
  constructor(
    readonly node: Node,
    message: string,
    hint: string | undefined,
  ) {
    super(message, hint === undefined ? {} : { hint })
  }
}

/** Left to itself ONNX Runtime computes the gradients of all weights at the end, and keeps what they need until then. */
function weightsFirst(
  emit: GraphWriter,
  { inputs }: Node,
  { gradients, wrt }: { readonly gradients: Gradients; readonly wrt: readonly string[] },
): Gradients {
  const weights = gradients.filter((each, i) => each !== undefined && wrt.includes(inputs[i]!))
  return gradients.map((each, i) =>
    each === undefined || wrt.includes(inputs[i]!)
      ? each
      : weights.reduce<string>((value, weight) => after(emit, value, weight!), each),
  )
}

function noGradient(node: Node, { message, hint }: PareError): NoGradient {
  return new NoGradient(node, message, hint)
}

/** What of `wrt` a node depends on. */
function behind(model: Model, wrt: readonly string[], node: Node): string[] {
  const names = wrt.filter((name) => flowOf(model, { of: keyOf(node), wrt: [name], through: node }).flows.has(name))
  if (names.length === 0) throw new Error(`'${keyOf(node)}' was on the way to nothing`)
  return names
}

interface Writing {
  readonly of: string
  readonly wrt: readonly string[]
  /** Values that depend on `wrt` and that the loss depends on. */
  readonly flows: ReadonlySet<string>
  readonly facts: GradientFacts
  /** Whether the gradient of a weight is computed before what lies behind its node, so that activations can go. */
  readonly inOrder: boolean
  readonly channelBlock: number
}

interface Derivative {
  readonly model: Model
  readonly gradients: ReadonlyMap<string, string>
  readonly backward: Pick<RecomputeOptions, 'forward' | 'gradients'>
}

function write(model: Model, { of, wrt, flows, facts, inOrder, channelBlock }: Writing): Derivative {
  const { graph } = model
  const emit = new GraphWriter(model.graph, 'gradient')
  const arrived = new Map<string, string[]>([[of, [one(emit, facts, of)]]])
  const made = new Map<Node, readonly string[]>()
  const outputOf = (node: Node, output: number): string => {
    const outputs = [...(made.get(node) ?? node.outputs)]
    while (outputs.length <= output) outputs.push('')
    outputs[output] ||= emit.name()
    made.set(node, outputs)
    return outputs[output]
  }
  for (const node of [...graph.nodes].reverse()) {
    const gradients = node.outputs.map((name) => sumOf(emit, arrived, name))
    const needs = node.inputs.map((name) => flows.has(name))
    if (!gradients.some((each) => each !== undefined)) continue
    const site = new GradientSite(node, emit, facts, { gradients, needs, outputOf, channelBlock })
    if (capturedBy(node).some((name) => flows.has(name))) throw noGradient(node, site.refuse('it computes in a nested graph'))
    if (!needs.includes(true)) continue
    const contributions = inOrder
      ? weightsFirst(emit, node, { gradients: gradientsOf(node, site), wrt })
      : gradientsOf(node, site)
    for (const [i, name] of node.inputs.entries()) {
      const each = contributions[i]
      if (each !== undefined && needs[i]) arrived.set(name, [...(arrived.get(name) ?? []), each])
    }
  }
  const gradients = new Map(wrt.map((name) => [name, emit.node('Identity', [sumOf(emit, arrived, name) ?? zeros(emit, name)])]))
  const nodes = graph.nodes.map((node) => {
    const outputs = made.get(node)
    return outputs === undefined ? node : editNode(node, { outputs })
  })
  const opsets = new Map([
    ...emit.nodes.filter(({ domain }) => domain !== '').map(({ domain }) => [domain, 1] as const),
    ...model.opsets,
  ])
  const edited = emit.addedTo(editGraph(graph, { nodes }))
  const backward = { forward: nodes.length, gradients: new Set([...arrived.values()].flat()) }
  return { model: editModel(model, { graph: edited, opsets }), gradients, backward }
}

/** ∂loss/∂loss, in the loss's shape: [] or [1]. */
function one(emit: GraphWriter, facts: GradientFacts, of: string): string {
  const dims = facts.dims(of)
  if (dims?.some((size) => size !== 1)) {
    throw new PareError(`autograd: '${of}' has the shape [${dims}], and a gradient is that of one number.`, {
      hint: 'reduce it to its sum or mean first.',
    })
  }
  return dims === undefined || dims.length === 0 ? emit.float(1) : emit.floats(dims.map(Number), [1])
}

function zeros(emit: GraphWriter, name: string): string {
  return emit.node('Mul', [name, emit.float(0)])
}

/** All that arrived at a value, added up. */
function sumOf(emit: GraphWriter, arrived: ReadonlyMap<string, readonly string[]>, name: string): string | undefined {
  const parts = arrived.get(name) ?? []
  return parts.length > 1 ? emit.node('Sum', parts) : parts[0]
}

function gradientsOf(node: Node, site: GradientSite): Gradients {
  const rule = ruleOf(node)
  if (typeof rule === 'string') throw noGradient(node, site.refuse(rule))
  try {
    return rule(site)
  } catch (error) {
    if (error instanceof PareError) throw noGradient(node, error)
    throw error
  }
}

/** The same model with some constants as inputs. */
function withInputs(model: Model, wrt: ReadonlySet<string>): Model {
  const { graph } = model
  const initializers = graph.initializers.filter(({ name }) => wrt.has(name))
  const constants = graph.nodes.flatMap((node) => {
    const tensor = tensorIn(node)
    const name = node.outputs[0] ?? ''
    return tensor !== undefined && wrt.has(name) ? [{ node, tensor: { ...tensor, name } }] : []
  })
  const there = new Set(graph.inputs.map(({ name }) => name))
  const tensors: Tensor[] = [...initializers, ...constants.map(({ tensor }) => tensor)]
  for (const { name, type } of tensors) {
    if (type === 'float32') continue
    throw new PareError(`autograd: '${name}' is ${type}, and gradients are computed in float32.`, {
      hint: 'convert the model to float32 first.',
    })
  }
  const inputs = tensors
    .filter(({ name }) => !there.has(name))
    .map(({ name, type, shape }) => makeValueInfo({ name, type, shape }))
  const names = new Set([...there, ...graph.initializers.map(({ name }) => name), ...graph.nodes.flatMap(madeBy)])
  for (const name of wrt) {
    if (names.has(name)) continue
    throw new PareError(`autograd: the model has no value '${name}'.`, {
      hint: 'name an initializer, an input or the output of a node.',
    })
  }
  return editModel(model, {
    graph: editGraph(graph, {
      inputs: [...graph.inputs, ...inputs],
      initializers: graph.initializers.filter(({ name }) => !wrt.has(name)),
      nodes: graph.nodes.filter((node) => !constants.some((each) => each.node === node)),
    }),
  })
}

function withOutputs(model: Model, names: readonly string[]): Model {
  const { graph } = model
  const there = new Set(graph.outputs.map(({ name }) => name))
  const more = [...new Set(names)].filter((name) => !there.has(name))
  return editModel(model, {
    graph: editGraph(graph, { outputs: [...graph.outputs, ...more.map((name) => makeValueInfo({ name }))] }),
  })
}

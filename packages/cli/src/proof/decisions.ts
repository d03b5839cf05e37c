import type { KeptAxis } from '@pare/core'
import {
  attributesOf,
  type DataType,
  dataTypeOf,
  editGraph,
  editModel,
  editNode,
  type Graph,
  GraphWriter,
  type Model,
  makeValueInfo,
  type Node,
  operatorName,
  reachedFrom,
  readBy,
} from '@pare/onnx'

/** A value inside a model that jumps where floats differ by rounding: which is the largest, which is above a limit, which step it is rounded to. */
export interface Decision {
  readonly name: string
  readonly type: DataType
  /** The values it is made of by comparing them. */
  readonly sources: readonly string[]
  /** Whether its size is decided too: how many boxes are left. */
  readonly counted: boolean
  /** Whether it is the step that floats are rounded to. */
  readonly rounded: boolean
}

/** The decisions that a model makes outside of nested graphs, in the order of its nodes. */
export function decisionsOf({ graph }: Model): readonly Decision[] {
  const constants = new Map(graph.initializers.map((tensor) => [tensor.name, tensor.type]))
  const ofData = valuesOfData(graph)
  return graph.nodes.flatMap((node) =>
    decidedBy(node, constants).flatMap(({ output, inputs, type, counted = false, rounded = false }) => {
      const name = node.outputs[output]
      if (!name || !ofData.has(name)) return []
      const sources = node.inputs.slice(0, inputs).filter((input) => input !== '' && !constants.has(input))
      return [{ name, type, sources, counted, rounded }]
    }),
  )
}

/** Values that follow from numbers of the inputs, and not only from their sizes: what sizes decide is the same in both models. */
function valuesOfData({ nodes, inputs, initializers }: Graph): ReadonlySet<string> {
  const stored = new Set(initializers.map(({ name }) => name))
  const values = new Set(inputs.map(({ name }) => name).filter((name) => !stored.has(name)))
  for (const node of nodes)
    if (node.op !== 'Shape' && node.op !== 'Size' && readBy(node).some((name) => values.has(name)))
      for (const name of node.outputs) values.add(name)
  return values
}

interface NodeDecision {
  /** Which output. */
  readonly output: number
  /** How many inputs are looked at. */
  readonly inputs: number
  readonly type: DataType
  readonly counted?: boolean
  readonly rounded?: boolean
}

function decidedBy(node: Node, constants: ReadonlyMap<string, DataType>): readonly NodeDecision[] {
  if (/^(?:com\.microsoft\.)?QuantizeLinear$/.test(operatorName(node)))
    return [{ output: 0, inputs: 1, type: constants.get(node.inputs[2] ?? '') ?? 'uint8', rounded: true }]
  if (node.domain !== '') return []
  // The scale moves with the range, and the zero point is rounded.
  if (node.op === 'DynamicQuantizeLinear') return [0, 2].map((output) => ({ output, inputs: 1, type: 'uint8', rounded: true }))
  const decision = comparing(node)
  return decision === undefined ? [] : [decision]
}

function comparing(node: Node): NodeDecision | undefined {
  switch (node.op) {
    case 'Greater':
    case 'GreaterOrEqual':
    case 'Less':
    case 'LessOrEqual':
    case 'Equal':
      return { output: 0, inputs: 2, type: 'bool' }
    case 'ArgMax':
    case 'ArgMin':
      return { output: 0, inputs: 1, type: 'int64' }
    case 'TopK':
      return { output: 1, inputs: 1, type: 'int64' }
    case 'NonMaxSuppression':
      return { output: 0, inputs: 2, type: 'int64', counted: true }
    case 'NonZero':
      return { output: 0, inputs: 1, type: 'int64', counted: true }
    case 'Cast': {
      const to = attributesOf(node).int('to')
      const type = to === undefined ? undefined : dataTypeOf(to)
      return type === undefined || /float|string/.test(type) ? undefined : { output: 0, inputs: 1, type }
    }
    default:
      return undefined
  }
}

/**
 * The model with decisions, and what they are made of, among its outputs. `kept`: which positions of them stay in a cut model; with it they have these only, as there.
 */
export function withDecisions(
  model: Model,
  decisions: readonly Decision[],
  kept: (value: string) => readonly KeptAxis[] = () => [],
): Model {
  const values = decisions.flatMap(({ name, sources }) => [name, ...sources])
  return withOutputs(model, values, kept)
}

/**
 * The model with what its decisions between floats are made of among its outputs: what is left to compare of a detector that finds nothing. The model itself where there is none.
 */
export function withGrounds(
  model: Model,
  decisions: readonly Decision[],
  kept: (value: string) => readonly KeptAxis[] = () => [],
): Model {
  const makers = new Map(model.graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node.op] as const)))
  const names = new Set(decisions.map(({ name }) => name))
  const compared = model.graph.nodes.filter(({ op, outputs }) => RANKS.has(op) && outputs.some((name) => names.has(name)))
  const sources = new Set(decisions.flatMap((each) => each.sources))
  // Behind a count that a last bit changes, shapes differ.
  const counted = new Set(decisions.filter((each) => each.counted).map(({ name }) => name))
  const counts = model.graph.nodes.filter(
    ({ op, outputs }) => /^(If|Loop)$/.test(op) || outputs.some((name) => counted.has(name)),
  )
  const behind = reachedFrom(
    model.graph,
    counts.flatMap(({ outputs }) => outputs),
  )
  const isGround = (name: string) => sources.has(name) && !WHOLE.has(makers.get(name) ?? '') && !behind.has(name)
  const grounds = compared.flatMap(({ inputs }) => inputs.filter(isGround))
  return grounds.length === 0 ? model : withOutputs(model, grounds, kept)
}

/** Operators that compare floats. */
const RANKS: ReadonlySet<string> = new Set([
  ...['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'TopK', 'ArgMax', 'ArgMin', 'NonMaxSuppression'],
])
/** Operators that make whole numbers of floats, or of nothing but sizes. */
const WHOLE: ReadonlySet<string> = new Set([
  ...['Cast', 'Floor', 'Ceil', 'Round', 'Shape', 'Size', 'NonZero', 'CumSum', 'ArgMax', 'ArgMin', 'Range'],
])

function withOutputs(model: Model, names: readonly string[], kept: (value: string) => readonly KeptAxis[]): Model {
  const there = new Set([...model.graph.outputs, ...model.graph.inputs].map(({ name }) => name))
  const values = new Set(names)
  const smaller = new Map(
    [...values].flatMap((name) => (there.has(name) || kept(name).length === 0 ? [] : [[name, kept(name)] as const])),
  )
  const { graph } = choosing(model, smaller)
  const outputs = new Map(graph.outputs.map((output) => [output.name, output]))
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  for (const each of values) if (!outputs.has(each) && !inputs.has(each)) outputs.set(each, makeValueInfo({ name: each }))
  return editModel(model, { graph: editGraph(graph, { outputs: [...outputs.values()] }) })
}

/** The model in which these values, as its outputs, have some positions only; its nodes read all. */
function choosing(model: Model, values: ReadonlyMap<string, readonly KeptAxis[]>): Model {
  const { graph } = model
  const writer = new GraphWriter(graph, 'kept')
  const whole = (name: string) => (values.has(name) ? `${name}/whole` : name)
  for (const node of graph.nodes)
    writer.nodes.push(editNode(node, { inputs: node.inputs.map(whole), outputs: node.outputs.map(whole) }))
  for (const [name, axes] of values) {
    const last = axes.reduce(
      (from, { axis, positions }) => writer.own('Gather', [from, writer.ints([...positions])], { axis: BigInt(axis) }),
      whole(name),
    )
    writer.write('Identity', [last], [name])
  }
  const initializers = [...graph.initializers, ...writer.constants]
  return editModel(model, { graph: editGraph(graph, { nodes: writer.nodes, initializers }) })
}

/** The model that is given decisions as inputs in the place of making them; what they would be made of is among its outputs. */
export function givenDecisions(model: Model, decisions: readonly Decision[]): Model {
  const { graph } = withDecisions(model, decisions)
  const decided = new Set(decisions.map(({ name }) => name))
  const nodes = graph.nodes.map((node) =>
    node.outputs.some((name) => decided.has(name))
      ? editNode(node, { outputs: node.outputs.map((name) => (decided.has(name) ? `${name}/own` : name)) })
      : node,
  )
  const inputs = [...graph.inputs, ...decisions.map(({ name, type }) => makeValueInfo({ name, type }))]
  const outputs = graph.outputs.filter(({ name }) => !decided.has(name))
  return editModel(model, { graph: editGraph(graph, { nodes, inputs, outputs }) })
}

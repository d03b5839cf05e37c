import {
  attributesOf,
  type DataType,
  dataTypeOf,
  editGraph,
  editModel,
  editNode,
  type Model,
  makeValueInfo,
  type Node,
} from '@pare/onnx'

/** A value inside a model that jumps where floats differ by rounding: which is the largest, which is above a limit, which step it is rounded to. */
export interface Decision {
  readonly name: string
  readonly type: DataType
  /** The values it is made of by comparing them. */
  readonly sources: readonly string[]
  /** Whether its size is decided too: how many boxes are left. */
  readonly counted: boolean
}

/** The decisions that a model makes outside of nested graphs, in the order of its nodes. */
export function decisionsOf({ graph }: Model): readonly Decision[] {
  const constants = new Set(graph.initializers.map(({ name }) => name))
  return graph.nodes.flatMap((node) => {
    const decided = node.domain === '' ? decidedBy(node) : undefined
    const name = decided && node.outputs[decided.output]
    if (!name) return []
    const sources = node.inputs.slice(0, decided.inputs).filter((input) => input !== '' && !constants.has(input))
    return [{ name, type: decided.type, sources, counted: decided.counted ?? false }]
  })
}

interface NodeDecision {
  /** Which output. */
  readonly output: number
  /** How many inputs are looked at. */
  readonly inputs: number
  readonly type: DataType
  readonly counted?: boolean
}

function decidedBy(node: Node): NodeDecision | undefined {
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

/** The model with decisions, and what they are made of, among its outputs. */
export function withDecisions(model: Model, decisions: readonly Decision[]): Model {
  const { graph } = model
  const outputs = new Map(graph.outputs.map((output) => [output.name, output]))
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  for (const { name, sources } of decisions)
    for (const each of [name, ...sources])
      if (!outputs.has(each) && !inputs.has(each)) outputs.set(each, makeValueInfo({ name: each }))
  return editModel(model, { graph: editGraph(graph, { outputs: [...outputs.values()] }) })
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

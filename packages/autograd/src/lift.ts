import {
  type Attribute,
  type AttributeValue,
  attributesOf,
  editAttributes,
  editGraph,
  editModel,
  editNode,
  type Graph,
  GraphWriter,
  type Model,
  makeAttribute,
  makeNode,
  type Node,
  PareError,
} from '@pare/onnx'

/** The least version of the operator set that gradients are written in. */
const OPSET = 18

/** Since this version operators broadcast as they do today. */
const OLDEST = 7

/**
 * The same model in operator set 18 at least: what used to be an attribute is an input, and operators whose meaning changed are written anew. The model
 * itself where it is new enough. Throws PareError for models before operator set 7.
 */
export function lift(model: Model): Model {
  const from = model.opsets.get('') ?? model.opsets.get('ai.onnx') ?? 1
  if (from >= OPSET) return model
  if (from < OLDEST) {
    throw new PareError(`autograd: the model is of operator set ${from}, and gradients need ${OLDEST} at least.`, {
      hint: 'convert it with onnx.version_converter, or export it anew.',
    })
  }
  const lifting = new Lifting(from, new GraphWriter(model.graph, 'lift'))
  const graph = lifting.graph(model.graph)
  const opsets = new Map([...model.opsets, ['', OPSET] as const])
  return editModel(model, {
    irVersion: Math.max(8, model.irVersion),
    opsets,
    graph: lifting.writer.addedTo(graph),
  })
}

class Lifting {
  constructor(
    readonly from: number,
    readonly writer: GraphWriter,
  ) {}

  graph(graph: Graph): Graph {
    const nodes = graph.nodes.flatMap((node) => this.#node(node))
    return nodes.every((node, i) => node === graph.nodes[i]) ? graph : editGraph(graph, { nodes })
  }

  #node(node: Node): Node[] {
    const rewrite = node.domain === '' ? REWRITES[node.op] : undefined
    return (rewrite?.(node, this) ?? [node]).map((each) => this.#withGraphs(each))
  }

  #withGraphs(node: Node): Node {
    const attributes = [...node.attributes].map(([name, attribute]): [string, Attribute] => {
      if (attribute.kind !== 'graph') return [name, attribute]
      const value = this.graph(attribute.value)
      return [name, value === attribute.value ? attribute : makeAttribute(name, value)]
    })
    return attributes.every(([name, attribute]) => node.attributes.get(name) === attribute)
      ? node
      : editNode(node, { attributes: new Map(attributes) })
  }
}

/** A node of an older operator set as nodes of today's; undefined where it stays. */
type Rewrite = (node: Node, lifting: Lifting) => readonly Node[] | undefined

/** Attributes that became inputs, in the order of the inputs; what is left out there is ''. */
function toInputs(first: number, inputs: Readonly<Record<string, (value: Attribute, lifting: Lifting) => string>>): Rewrite {
  return (node, lifting) => {
    const names = Object.keys(inputs)
    if (!names.some((name) => node.attributes.has(name))) return undefined
    const operands = names.map((name) => {
      const attribute = node.attributes.get(name)
      return attribute === undefined ? '' : inputs[name]!(attribute, lifting)
    })
    return [changed(node, { inputs: [...node.inputs.slice(0, first), ...trimmed(operands)], without: names })]
  }
}

interface Change {
  readonly op?: string
  readonly inputs?: readonly string[]
  readonly without?: readonly string[]
  readonly attributes?: Readonly<Record<string, AttributeValue>>
}

function changed(node: Node, { op = node.op, inputs = node.inputs, without = [], attributes = {} }: Change): Node {
  const removals = Object.fromEntries(without.map((name) => [name, undefined]))
  return editNode(editAttributes(node, { ...removals, ...attributes }), { op, inputs })
}

function trimmed(inputs: readonly string[]): readonly string[] {
  return inputs.slice(0, inputs.findLastIndex((name) => name !== '') + 1)
}

const ints = (attribute: Attribute, lifting: Lifting) => lifting.writer.ints(attribute.kind === 'ints' ? attribute.value : [])
const int = (attribute: Attribute, lifting: Lifting) => lifting.writer.ints(attribute.kind === 'int' ? [attribute.value] : [])
const float = (attribute: Attribute, lifting: Lifting) => lifting.writer.float(attribute.kind === 'float' ? attribute.value : 0)

const axes = toInputs(1, { axes: ints })

const split: Rewrite = (node, lifting) => {
  if (node.attributes.has('split')) return toInputs(1, { split: ints })(node, lifting)
  return node.inputs.length > 1 ? undefined : [changed(node, { attributes: { num_outputs: BigInt(node.outputs.length) } })]
}

/** Before 13 the axes from `axis` on were one: [before, behind], and the sum ran over all that is behind. */
const flattening: Rewrite = (node, lifting) => {
  if (lifting.from >= 13) return undefined
  const axis = attributesOf(node).int('axis', 1)
  if (axis === -1) return undefined
  const [x, y] = [node.inputs[0]!, node.outputs[0]!]
  const [shape, flat, computed] = [lifting.writer.name(), lifting.writer.name(), lifting.writer.name()]
  return [
    makeNode({ op: 'Shape', inputs: [x], outputs: [shape] }),
    makeNode({ op: 'Flatten', inputs: [x], outputs: [flat], attributes: { axis: BigInt(axis) } }),
    editNode(changed(node, { inputs: [flat], attributes: { axis: -1n } }), { outputs: [computed] }),
    makeNode({ op: 'Reshape', inputs: [computed, shape], outputs: [y] }),
  ]
}

/** What both did before 11: out[i] = in[⌊i / scale⌋], or linear in i / scale. */
const resize: Rewrite = (node, lifting) => {
  if (lifting.from >= 11) return undefined
  const scales = attributesOf(node).floats('scales')
  const factors = scales !== undefined ? lifting.writer.name() : node.inputs[1]!
  const how = { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }
  const resized = changed(node, { op: 'Resize', inputs: [node.inputs[0]!, '', factors], without: ['scales'], attributes: how })
  if (scales === undefined) return [resized]
  return [makeNode({ op: 'Constant', inputs: [], outputs: [factors], attributes: { value_floats: scales } }), resized]
}

const REDUCTIONS = ['Sum', 'Mean', 'Max', 'Min', 'Prod', 'L1', 'L2', 'LogSum', 'LogSumExp', 'SumSquare']

const REWRITES: Readonly<Record<string, Rewrite>> = {
  ...Object.fromEntries(REDUCTIONS.map((name) => [`Reduce${name}`, axes])),
  Squeeze: axes,
  Unsqueeze: axes,
  Split: split,
  Clip: toInputs(1, { min: float, max: float }),
  Pad: toInputs(1, { pads: ints, value: float }),
  Slice: toInputs(1, { starts: ints, ends: ints, axes: ints }),
  TopK: toInputs(1, { k: int }),
  Dropout: (node) => [changed(node, { op: 'Dropout', without: ['ratio', 'is_test'] })],
  BatchNormalization: (node) => [changed(node, { without: ['spatial'] })],
  Softmax: flattening,
  LogSoftmax: flattening,
  Hardmax: flattening,
  Upsample: resize,
  Resize: resize,
  Scatter: (node) => [changed(node, { op: 'ScatterElements' })],
}

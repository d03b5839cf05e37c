import {
  type Attribute,
  capturedBy,
  editGraph,
  editModel,
  editNode,
  editTensor,
  editValueInfo,
  type Graph,
  GraphWriter,
  keyOf,
  type Model,
  madeBy,
  makeAttribute,
  makeValueInfo,
  type Node,
  readBy,
  type ValueInfo,
} from '@pare/onnx'

/** The reference and the pruned model as one graph over the same inputs. */
export interface MergedModel {
  readonly model: Model
  /** What the reference's value is called in it: the same name, where pruning changed nothing before it. */
  nameOf(value: string): string
}

const PREFIX = 'reference/'
/** What feeds models knows a cache by how its name begins. */
const SUFFIX = '/reference'

/** Values of the pruned model keep their names; what the reference computes otherwise gets a prefix. What both compute alike is there once. */
export function merge(reference: Model, pruned: Model): MergedModel {
  const stored = new Map(pruned.graph.initializers.map((tensor) => [tensor.name, tensor]))
  const nodesByKey = new Map(pruned.graph.nodes.map((node) => [keyOf(node), node]))
  const names = new Map<string, string>()
  const rename = (name: string) => names.get(name) ?? name
  const other = reference.graph.initializers.filter((tensor) => stored.get(tensor.name) !== tensor)
  for (const { name } of other) names.set(name, `${PREFIX}${name}`)
  const resized = resizedInputs(reference, pruned)
  for (const { name } of resized) names.set(name, `${name}${SUFFIX}`)
  const nodes: Node[] = []
  for (const node of reference.graph.nodes) {
    const isSame = nodesByKey.get(keyOf(node)) === node && !readBy(node).some((name) => names.has(name))
    if (isSame) continue
    const read = renamedReads(node, names)
    for (const name of madeBy(node)) names.set(name, `${PREFIX}${name}`)
    nodes.push(editNode(read, { name: node.name && `${PREFIX}${node.name}`, outputs: node.outputs.map(rename) }))
  }
  const { graph } = pruned
  const values = reference.graph.values.filter(({ name }) => names.has(name))
  const merged = editGraph(graph, {
    nodes: [...graph.nodes, ...nodes],
    inputs: [
      ...new Map([...reference.graph.inputs, ...graph.inputs].map((input) => [input.name, input])).values(),
      ...resized.map((input) => editValueInfo(input, { name: rename(input.name) })),
    ],
    values: [...graph.values, ...values.map((value) => editValueInfo(value, { name: rename(value.name) }))],
    initializers: [...graph.initializers, ...other.map((tensor) => editTensor(tensor, { name: rename(tensor.name) }))],
  })
  return { model: editModel(pruned, { graph: merged }), nameOf: rename }
}

/** Why two models cannot run as one over the same data, if so. `given`: inputs that the data hold. */
export function cannotMerge(reference: Model, pruned: Model, isFilled: (input: string) => boolean): string | undefined {
  if (reference.functions !== pruned.functions) return 'weights inside functions of the model were pruned'
  const [resized] = resizedInputs(reference, pruned)
  // Next to caches that begin empty, one that the data fill crashed ONNX Runtime 1.30 (a BART decoder with its past).
  const held =
    resized && reference.graph.inputs.find(({ name, shape }) => shape?.length === resized.shape?.length && isFilled(name))
  return held && `the calibration data hold the cache '${held.name}', and '${resized.name}' has fewer heads than before`
}

/** Inputs of the reference that have another shape in the pruned model: caches of keys and values whose heads went. */
function resizedInputs(reference: Model, pruned: Model): ValueInfo[] {
  const shapes = new Map(pruned.graph.inputs.map(({ name, shape }) => [name, String(shape)]))
  return reference.graph.inputs.filter(({ name, shape }) => shapes.has(name) && shapes.get(name) !== String(shape))
}

/** The model with one value more: some positions of an axis of a value, in this order. */
export function withPositions(
  model: Model,
  { value, axis, positions }: { readonly value: string; readonly axis: number; readonly positions: Int32Array },
): { readonly model: Model; readonly name: string } {
  const writer = new GraphWriter(model.graph, `${value}/positions`)
  const name = writer.node('Gather', [value, writer.ints([...positions])], { axis: BigInt(axis) })
  return { model: editModel(model, { graph: writer.addedTo(model.graph) }), name }
}

/** The node, reading under other names, in nested graphs too. */
function renamedReads(node: Node, names: ReadonlyMap<string, string>): Node {
  const inputs = node.inputs.map((name) => names.get(name) ?? name)
  if (capturedBy(node).length === 0) return editNode(node, { inputs })
  const attributes = new Map([...node.attributes].map(([key, value]) => [key, renamedGraphs(key, value, names)]))
  return editNode(node, { inputs, attributes })
}

function renamedGraphs(key: string, attribute: Attribute, names: ReadonlyMap<string, string>): Attribute {
  return attribute.kind === 'graph' ? makeAttribute(key, renamedGraph(attribute.value, names)) : attribute
}

function renamedGraph(graph: Graph, outer: ReadonlyMap<string, string>): Graph {
  const own = new Set([...graph.inputs, ...graph.initializers].map(({ name }) => name))
  for (const { outputs } of graph.nodes) for (const name of outputs) own.add(name)
  const names = new Map([...outer].filter(([name]) => !own.has(name)))
  return editGraph(graph, {
    nodes: graph.nodes.map((node) => renamedReads(node, names)),
    outputs: graph.outputs.map((value) => (names.has(value.name) ? makeValueInfo({ name: names.get(value.name)! }) : value)),
  })
}

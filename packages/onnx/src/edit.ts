import { byteLength, elementCount } from './datatype.js'
import { describeTensor } from './encode.js'
import type { Attribute, Graph, LocalFunction, Model, Node, Tensor } from './model.js'
import { filesOf, rememberFiles } from './origin.js'
import { create, OperatorSetIdProtoSchema, withFields } from './proto.js'

// Edits make new views and new messages, and share everything that stays. Unknown fields of a message stay with it.

/** Changes of a tensor. `data` alone keeps the message, so that the file around the elements is written as it stood. */
export type TensorChanges = Partial<Pick<Tensor, 'name' | 'type' | 'shape' | 'data' | 'strings' | 'storage'>>

/** Throws RangeError when the elements do not fit type and shape. */
export function editTensor(tensor: Tensor, changes: TensorChanges): Tensor {
  const edited = { ...tensor, ...changes }
  const expected = byteLength(edited.type, elementCount(edited.shape))
  if (edited.data.byteLength !== expected) {
    const shape = edited.shape.join()
    throw new RangeError(
      `tensor '${edited.name}': ${edited.type}[${shape}] takes ${expected} bytes, given ${edited.data.byteLength}`,
    )
  }
  const onlyElements = edited.name === tensor.name && edited.type === tensor.type && edited.storage === tensor.storage
  const sameShape = edited.shape.length === tensor.shape.length && edited.shape.every((size, axis) => size === tensor.shape[axis])
  if (onlyElements && sameShape && edited.strings === tensor.strings) return edited
  return { ...edited, proto: describeTensor(tensor.proto, edited) }
}

export type NodeChanges = Partial<Omit<Node, 'proto'>>

export function editNode(node: Node, changes: NodeChanges): Node {
  const edited = { ...node, ...changes }
  const input = [...edited.inputs]
  const output = [...edited.outputs]
  const proto = withFields(node.proto, {
    name: edited.name,
    opType: edited.op,
    domain: changes.domain ?? node.proto.domain,
    input,
    output,
    attribute: [...edited.attributes.values()].map((each) => each.proto),
  })
  return { ...edited, inputs: input, outputs: output, proto }
}

export type GraphChanges = Partial<Omit<Graph, 'proto'>>

export function editGraph(graph: Graph, changes: GraphChanges): Graph {
  return { ...graph, ...changes, proto: withFields(graph.proto, {}) }
}

export type ModelChanges = Partial<Omit<Model, 'proto'>>

export function editModel(model: Model, changes: ModelChanges): Model {
  const edited = { ...model, ...changes }
  const proto = withFields(model.proto, { irVersion: BigInt(edited.irVersion) })
  if (changes.opsets !== undefined) {
    proto.opsetImport = [...changes.opsets].map(([domain, version]) =>
      create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
    )
  }
  rememberFiles(proto, filesOf(model.proto))
  return { ...edited, proto }
}

/**
 * The model with every tensor replaced by what `change` makes of it: initializers and attributes (Constant nodes among them), in
 * nested graphs and functions too, each once, in the order of the file. What does not change is shared. Linear in nodes.
 */
export function withTensors(model: Model, change: (tensor: Tensor) => Tensor): Model {
  const graph = graphWith(model.graph, change)
  const functions = mapped(model.functions, (each) => functionWith(each, change))
  return graph === model.graph && functions === model.functions ? model : { ...model, graph, functions }
}

type Change = (tensor: Tensor) => Tensor

function graphWith(graph: Graph, change: Change): Graph {
  const nodes = mapped(graph.nodes, (node) => nodeWith(node, change))
  const initializers = mapped(graph.initializers, change)
  return nodes === graph.nodes && initializers === graph.initializers ? graph : { ...graph, nodes, initializers }
}

function functionWith(each: LocalFunction, change: Change): LocalFunction {
  const nodes = mapped(each.nodes, (node) => nodeWith(node, change))
  const defaults = mapped(each.defaults, (attribute) => attributeWith(attribute, change))
  return nodes === each.nodes && defaults === each.defaults ? each : { ...each, nodes, defaults }
}

function nodeWith(node: Node, change: Change): Node {
  let attributes: Map<string, Attribute> | undefined
  for (const [name, attribute] of node.attributes) {
    const changed = attributeWith(attribute, change)
    if (changed === attribute) continue
    attributes ??= new Map(node.attributes)
    attributes.set(name, changed)
  }
  return attributes === undefined ? node : { ...node, attributes }
}

function attributeWith(attribute: Attribute, change: Change): Attribute {
  switch (attribute.kind) {
    case 'tensor':
      return valued(attribute, change(attribute.value))
    case 'tensors':
      return valued(attribute, mapped(attribute.value, change))
    case 'graph':
      return valued(attribute, graphWith(attribute.value, change))
    case 'graphs':
      return valued(
        attribute,
        mapped(attribute.value, (graph) => graphWith(graph, change)),
      )
    default:
      return attribute
  }
}

function valued<A extends Attribute & { readonly value: unknown }>(attribute: A, value: A['value']): A {
  return value === attribute.value ? attribute : { ...attribute, value }
}

/** `items` itself where nothing changed. */
function mapped<T>(items: readonly T[], change: (item: T) => T): readonly T[] {
  const changed = items.map(change)
  return changed.every((item, i) => item === items[i]) ? items : changed
}

import type { Attribute, Graph, LocalFunction, Model, Node, Tensor } from '../model.js'

/**
 * The tensors of a model by their messages, or undefined when anything but elements differs from the message the model came
 * with. Views share arrays and messages with it, so identity tells. Linear in nodes.
 */
export function tensorsIfUnchanged(model: Model): ReadonlyMap<object, Tensor> | undefined {
  const tensors = new Map<object, Tensor>()
  const { proto } = model
  if (Number(proto.irVersion) !== model.irVersion || proto.graph !== model.graph.proto) return undefined
  if (!sameItems(model.functions, proto.functions) || !sameGraph(model.graph, tensors)) return undefined
  return model.functions.every((each) => sameFunction(each, tensors)) ? tensors : undefined
}

type Tensors = Map<object, Tensor>

function sameGraph(graph: Graph, tensors: Tensors): boolean {
  const { proto } = graph
  if (graph.name !== proto.name || graph.sparseInitializers.length !== proto.sparseInitializer.length) return false
  if (!sameItems(graph.nodes, proto.node) || !sameItems(graph.initializers, proto.initializer)) return false
  if (!sameItems(graph.inputs, proto.input) || !sameItems(graph.outputs, proto.output)) return false
  if (!sameItems(graph.values, proto.valueInfo)) return false
  for (const tensor of graph.initializers) tensors.set(tensor.proto, tensor)
  return graph.nodes.every((node) => sameNode(node, tensors))
}

function sameFunction(each: LocalFunction, tensors: Tensors): boolean {
  const { proto } = each
  if (!sameItems(each.nodes, proto.node) || !sameItems(each.defaults, proto.attributeProto)) return false
  return each.nodes.every((node) => sameNode(node, tensors)) && each.defaults.every((value) => sameAttribute(value, tensors))
}

function sameNode(node: Node, tensors: Tensors): boolean {
  const { proto } = node
  if (node.inputs !== proto.input || node.outputs !== proto.output) return false
  if (node.name !== proto.name || node.op !== proto.opType) return false
  if (node.attributes.size !== proto.attribute.length) return false
  let i = 0
  for (const attribute of node.attributes.values()) {
    if (attribute.proto !== proto.attribute[i++] || !sameAttribute(attribute, tensors)) return false
  }
  return true
}

function sameAttribute(attribute: Attribute, tensors: Tensors): boolean {
  const { proto } = attribute
  switch (attribute.kind) {
    case 'tensor':
      tensors.set(attribute.value.proto, attribute.value)
      return attribute.value.proto === proto.t
    case 'tensors':
      for (const tensor of attribute.value) tensors.set(tensor.proto, tensor)
      return sameItems(attribute.value, proto.tensors)
    case 'graph':
      return attribute.value.proto === proto.g && sameGraph(attribute.value, tensors)
    case 'graphs':
      return sameItems(attribute.value, proto.graphs) && attribute.value.every((graph) => sameGraph(graph, tensors))
    default:
      return true
  }
}

function sameItems(views: readonly { readonly proto: object }[], protos: readonly object[]): boolean {
  return views.length === protos.length && views.every((view, i) => view.proto === protos[i])
}

import type { Attribute, Graph, LocalFunction, Model, Node, Tensor } from '../model.js'
import { attributeTensorId, functionPath, graphPath } from './ids.js'

/**
 * The model with every tensor replaced by what `change` makes of it: initializers and attributes (Constant nodes among them), in
 * nested graphs and functions too, each once. `id` is unique in the model: the name in the main graph (of its output, for a
 * Constant), elsewhere with the way to it in front; `Scope.constant` gives the same. What does not change is shared. Linear.
 */
export function withTensors(model: Model, change: (tensor: Tensor, id: string) => Tensor): Model {
  const graph = graphWith(model.graph, '', change)
  const functions = mapped(model.functions, (each) => functionWith(each, change))
  return graph === model.graph && functions === model.functions ? model : { ...model, graph, functions }
}

type Change = (tensor: Tensor, id: string) => Tensor

function graphWith(graph: Graph, path: string, change: Change): Graph {
  const nodes = mapped(graph.nodes, (node) => nodeWith(node, path, change))
  const initializers = mapped(graph.initializers, (tensor) => change(tensor, `${path}${tensor.name}`))
  return nodes === graph.nodes && initializers === graph.initializers ? graph : { ...graph, nodes, initializers }
}

function functionWith(each: LocalFunction, change: Change): LocalFunction {
  const path = functionPath(each)
  const nodes = mapped(each.nodes, (node) => nodeWith(node, path, change))
  const defaults = mapped(each.defaults, (attribute) =>
    attribute.kind === 'tensor' ? valued(attribute, change(attribute.value, `${path}${attribute.proto.name}`)) : attribute,
  )
  return nodes === each.nodes && defaults === each.defaults ? each : { ...each, nodes, defaults }
}

function nodeWith(node: Node, path: string, change: Change): Node {
  let attributes: Map<string, Attribute> | undefined
  for (const [name, attribute] of node.attributes) {
    const replacement = attributeWith(attribute, { node, path }, change)
    if (replacement === attribute) continue
    attributes ??= new Map(node.attributes)
    attributes.set(name, replacement)
  }
  return attributes === undefined ? node : { ...node, attributes }
}

function attributeWith(attribute: Attribute, { node, path }: { node: Node; path: string }, change: Change): Attribute {
  const { name } = attribute.proto
  switch (attribute.kind) {
    case 'tensor':
      return valued(attribute, change(attribute.value, attributeTensorId(path, node, name)))
    case 'tensors': {
      const numbered = (tensor: Tensor, i: number): Tensor => change(tensor, attributeTensorId(path, node, `${name}.${i}`))
      return valued(attribute, mapped(attribute.value, numbered))
    }
    case 'graph':
      return valued(attribute, graphWith(attribute.value, graphPath(path, node, name), change))
    case 'graphs': {
      const numbered = (graph: Graph, i: number): Graph => graphWith(graph, graphPath(path, node, `${name}.${i}`), change)
      return valued(attribute, mapped(attribute.value, numbered))
    }
    default:
      return attribute
  }
}

function valued<A extends Attribute & { readonly value: unknown }>(attribute: A, value: A['value']): A {
  return value === attribute.value ? attribute : { ...attribute, value }
}

/** `items` itself where nothing changed. */
function mapped<T>(items: readonly T[], change: (item: T, i: number) => T): readonly T[] {
  const results = items.map(change)
  return results.every((item, i) => item === items[i]) ? items : results
}

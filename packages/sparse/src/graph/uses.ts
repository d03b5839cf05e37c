import type { Attribute, Graph, Node, Tensor } from '@pare/onnx'

/** Who makes and who reads the values of a main graph. */
export interface Uses {
  /** Initializers and values of Constant nodes. */
  readonly constants: ReadonlyMap<string, Tensor>
  readonly producers: ReadonlyMap<string, Node>
  readonly consumers: ReadonlyMap<string, readonly Node[]>
  /** Names of the graph's inputs. */
  readonly inputs: ReadonlySet<string>
  /** Names of the graph's outputs. */
  readonly outputs: ReadonlySet<string>
  /** What a node reads: its inputs, and what the graphs in its attributes take from outside. Each name once. */
  readsOf(node: Node): readonly string[]
}

export function usesOf(graph: Graph): Uses {
  const constants = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]))
  // An initializer that is an input too may be given another value.
  for (const { name } of graph.inputs) constants.delete(name)
  const producers = new Map<string, Node>()
  const consumers = new Map<string, Node[]>()
  const reads = new Map(graph.nodes.map((node) => [node, [...namesRead(node)]]))
  for (const node of graph.nodes) {
    const value = node.op === 'Constant' && node.domain === '' ? node.attributes.get('value') : undefined
    if (value?.kind === 'tensor') constants.set(node.outputs[0]!, value.value)
    for (const name of node.outputs) producers.set(name, node)
    for (const name of reads.get(node)!) {
      const readers = consumers.get(name)
      if (readers === undefined) consumers.set(name, [node])
      else readers.push(node)
    }
  }
  return {
    constants,
    producers,
    consumers,
    inputs: new Set(graph.inputs.map(({ name }) => name)),
    outputs: new Set(graph.outputs.map(({ name }) => name)),
    readsOf: (node) => reads.get(node) ?? [...namesRead(node)],
  }
}

/** Names of a nested graph's own values are among them too, which may hide ones from outside: reading more than needed is harmless. */
export function namesRead(node: Node, names = new Set<string>()): Set<string> {
  for (const name of node.inputs) if (name !== '') names.add(name)
  for (const attribute of node.attributes.values())
    for (const graph of graphsOf(attribute)) {
      for (const inner of graph.nodes) namesRead(inner, names)
      for (const { name } of graph.outputs) names.add(name)
    }
  return names
}

function graphsOf(attribute: Attribute): readonly Graph[] {
  if (attribute.kind === 'graph') return [attribute.value]
  return attribute.kind === 'graphs' ? attribute.value : []
}

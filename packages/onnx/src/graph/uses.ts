import type { Graph, Node, Tensor } from '../model.js'
import { tensorIn } from './attributes.js'
import { nodeId } from './ids.js'
import { graphsOf } from './visit.js'

// An input or output that is left out is called '' in a node. It is no value: two nodes that leave one out have nothing to do with each other.

/** What a node is called by in its graph: its first output that is not left out. */
export function keyOf(node: Node): string {
  return nodeId('', node)
}

/** Names of the values that a node makes. */
export function madeBy({ outputs }: Node): readonly string[] {
  return outputs.filter((name) => name !== '')
}

/** Names of the values that a node reads: its inputs, and what the graphs in its attributes take from around it. Each once. */
export function readBy(node: Node): readonly string[] {
  return [...new Set([...node.inputs.filter((name) => name !== ''), ...capturedBy(node)])]
}

/** Names of the values that the graphs in a node's attributes take from around it. */
export function capturedBy(node: Node): readonly string[] {
  return [...node.attributes.values()].flatMap((attribute) => graphsOf(attribute).flatMap(({ graph }) => freeIn(graph)))
}

function freeIn({ nodes, inputs, initializers, sparseInitializers, outputs }: Graph): string[] {
  const bound = new Set([...[...inputs, ...initializers].map(({ name }) => name), ...sparseInitializers])
  const read: string[] = []
  for (const node of nodes) {
    read.push(...readBy(node).filter((name) => !bound.has(name)))
    for (const name of madeBy(node)) bound.add(name)
  }
  read.push(...outputs.map(({ name }) => name).filter((name) => !bound.has(name)))
  return read
}

/** Who makes and who reads the values of a graph. */
export interface Uses {
  /** Initializers and values of Constant nodes. An initializer that is an input too may be given another value, and is none. */
  readonly constants: ReadonlyMap<string, Tensor>
  readonly producers: ReadonlyMap<string, Node>
  /** Nodes in whose graphs a value is read read it too. Each node once. */
  readonly consumers: ReadonlyMap<string, readonly Node[]>
  readonly inputs: ReadonlySet<string>
  readonly outputs: ReadonlySet<string>
  /** Every place where a value is an input of a node. */
  of(value: string): readonly Use[]
}

export interface Use {
  readonly node: Node
  readonly input: number
}

export function usesOf(graph: Graph): Uses {
  const constants = constantsOf(graph)
  for (const { name } of graph.inputs) constants.delete(name)
  const producers = new Map<string, Node>()
  const consumers = new Map<string, Node[]>()
  for (const node of graph.nodes) {
    for (const name of madeBy(node)) producers.set(name, node)
    for (const name of readBy(node)) {
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
    of: (value) =>
      (consumers.get(value) ?? []).flatMap((node) =>
        node.inputs.flatMap((name, input) => (name === value ? [{ node, input }] : [])),
      ),
  }
}

/** Tensors that a graph stores, by the names that they are read by: initializers, then values of Constant nodes. */
export function constantsOf({ nodes, initializers }: Graph): Map<string, Tensor> {
  const constants = new Map(initializers.map((tensor) => [tensor.name, tensor]))
  for (const node of nodes) {
    const tensor = tensorIn(node)
    if (tensor !== undefined) constants.set(node.outputs[0]!, tensor)
  }
  return constants
}

/** Names of all values and constants that some values are computed from, and their own. */
export function leadingTo({ nodes }: Graph, values: Iterable<string>): ReadonlySet<string> {
  const names = new Set(values)
  for (const node of [...nodes].reverse())
    if (madeBy(node).some((name) => names.has(name))) for (const name of readBy(node)) names.add(name)
  return names
}

/** Names of all values that are computed from some values, and their own. */
export function reachedFrom({ nodes }: Graph, values: Iterable<string>): ReadonlySet<string> {
  const names = new Set(values)
  for (const node of nodes) if (readBy(node).some((name) => names.has(name))) for (const name of madeBy(node)) names.add(name)
  return names
}

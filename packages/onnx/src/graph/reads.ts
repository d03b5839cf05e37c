import type { Graph, Node } from '../model.js'
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

import { attributesOf, dataTypeCode, type Graph, madeBy, type Node, readBy, type Tensor, tensorIn } from '@pare/onnx'
import { widenedTensor } from './widened-tensor.js'

/** Who makes and who reads the values of a main graph. */
export interface Uses {
  /** Initializers, values of Constant nodes, and halves behind a Cast, as the f32 that it makes of them. */
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
  const reads = new Map(graph.nodes.map((node) => [node, readBy(node)]))
  for (const node of graph.nodes) {
    const constant = constantOf(node, constants)
    if (constant !== undefined) constants.set(node.outputs[0]!, constant)
    for (const name of madeBy(node)) producers.set(name, node)
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
    readsOf: (node) => reads.get(node) ?? readBy(node),
  }
}

function constantOf(node: Node, constants: ReadonlyMap<string, Tensor>): Tensor | undefined {
  const widens = node.op === 'Cast' && node.domain === '' && attributesOf(node).int('to') === FLOAT
  const tensor = widens ? constants.get(node.inputs[0]!) : undefined
  if (!widens) return tensorIn(node)
  return tensor?.type === 'float16' || tensor?.type === 'bfloat16' ? widenedTensor(tensor) : undefined
}

const FLOAT = dataTypeCode('float32')

import { constantsOf, editGraph, editModel, editNode, keyOf, type Model, makeTensor, type Node, type Tensor } from '@pare/onnx'

/** A model in which each reader of a vector has one of its own. */
export interface SeparatedModel {
  readonly model: Model
  /** The vectors that were added, by name: whose copy each is, and who reads it. */
  readonly added: ReadonlyMap<string, VectorCopy>
}

export interface VectorCopy {
  readonly of: string
  /** First output of the node, and which input. */
  readonly reader: readonly [node: string, input: number]
}

/**
 * Exporters store equal vectors once, for several nodes, often through Identity: biases and normalisations that begin alike. Training would keep them equal, so that each reader but
 * the first gets a copy, and none reads through Identity any more. A matrix that several nodes read stays one matrix.
 */
export function separateVectors(model: Model): SeparatedModel {
  const { graph } = model
  const added = new Map<string, VectorCopy>()
  const tensors: Tensor[] = []
  const inputs = new Map<Node, string[]>()
  for (const { id, tensor } of vectorsOf(model)) {
    for (const [i, { node, input }] of readersOf(id, graph.nodes).entries()) {
      const name = i === 0 ? id : `${id}/${i + 1}`
      if (node.inputs[input] === name) continue
      const own = inputs.get(node) ?? [...node.inputs]
      own[input] = name
      inputs.set(node, own)
      if (i === 0) continue
      tensors.push(makeTensor({ name, type: tensor.type, shape: tensor.shape, data: tensor.data }))
      added.set(name, { of: id, reader: [keyOf(node), input] })
    }
  }
  if (inputs.size === 0) return { model, added }
  const nodes = graph.nodes.map((node) => {
    const own = inputs.get(node)
    return own === undefined ? node : editNode(node, { inputs: own })
  })
  return {
    model: editModel(model, { graph: editGraph(graph, { nodes, initializers: [...graph.initializers, ...tensors] }) }),
    added,
  }
}

function vectorsOf({ graph }: Model): { id: string; tensor: Tensor }[] {
  const all = [...constantsOf(graph)].map(([id, tensor]) => ({ id, tensor }))
  return all.filter(({ tensor: { type, shape } }) => type === 'float32' && shape.length === 1 && shape[0]! > 1)
}

/** Who reads a value, also through Identity. */
function readersOf(id: string, nodes: readonly Node[]): { node: Node; input: number }[] {
  const names = new Set([id])
  const readers: { node: Node; input: number }[] = []
  for (const node of nodes) {
    for (const [input, name] of node.inputs.entries()) {
      if (!names.has(name)) continue
      if (node.op === 'Identity' && node.domain === '') names.add(node.outputs[0]!)
      else readers.push({ node, input })
    }
  }
  return readers
}

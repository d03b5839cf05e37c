import {
  editGraph,
  editModel,
  editNode,
  elementCount,
  type Model,
  type Node,
  readAll,
  type Tensor,
  usesOf,
  withoutDead,
} from '@pare/onnx'

/**
 * The model without the rounding of activations: what QuantizeLinear rounds to codes, and DequantizeLinear of the same scale makes floats of again, goes on
 * as it is. For a proof: a cut is right for every function of single elements with the same value at 0, and this one has no borders between steps at which
 * two right models would part. Only where there is one scale for all elements, which no cut can get wrong. The model itself where nothing is rounded so.
 */
export async function unrounded(model: Model): Promise<Model> {
  const { graph } = model
  const { producers, constants } = usesOf(graph)
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    const rounding = node.op === 'DequantizeLinear' && node.domain === '' ? producers.get(node.inputs[0]!) : undefined
    if (rounding?.op === 'QuantizeLinear' && (await undoes(node, rounding, constants)))
      nodes.push(editNode(node, { op: 'Identity', inputs: [rounding.inputs[0]!], attributes: new Map() }))
    else nodes.push(node)
  }
  if (nodes.every((node, i) => node === graph.nodes[i])) return model
  return withoutDead(model, editModel(model, { graph: editGraph(graph, { nodes }) }))
}

async function undoes(decoding: Node, rounding: Node, constants: ReadonlyMap<string, Tensor>): Promise<boolean> {
  const scale = constants.get(decoding.inputs[1] ?? '')
  if (scale === undefined || elementCount(scale.shape) !== 1) return false
  for (const input of [1, 2]) {
    const [one = '', two = ''] = [decoding.inputs[input], rounding.inputs[input]]
    if (one !== two && !(await isSame(constants.get(one), constants.get(two)))) return false
  }
  return true
}

async function isSame(one: Tensor | undefined, two: Tensor | undefined): Promise<boolean> {
  if (one === undefined || two === undefined || one.type !== two.type || one.data.byteLength !== two.data.byteLength) return false
  const [a, b] = [await readAll(one.data), await readAll(two.data)]
  return a.every((byte, i) => byte === b[i])
}

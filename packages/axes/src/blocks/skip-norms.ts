import { attributesOf, editNode, makeNode, type Node, operatorName } from '@pare/onnx'
import { residualSumOf, SKIP_NORMS } from './flow.js'

// A fused SkipLayerNormalization ends one block with its sum and begins the next with its norm: either may go without the other.

/** Addends of the sum: input, skip, and a bias where there is one. */
export function addendsOf(node: Node): string[] {
  const { bias } = SKIP_NORMS.get(operatorName(node))!
  return [node.inputs[0]!, node.inputs[1]!, node.inputs[bias] ?? ''].filter((name) => name !== '')
}

/** The node with other addends, and the sum given under a name. */
export function withAddends(node: Node, [input, skip, added]: readonly string[], sum: string): Node {
  const { bias } = SKIP_NORMS.get(operatorName(node))!
  const inputs = [input!, skip!, ...node.inputs.slice(2, bias)]
  while (inputs.length < bias && added !== undefined) inputs.push('')
  return editNode(node, {
    inputs: added === undefined ? inputs : [...inputs, added],
    outputs: [0, 1, 2].map((i) => node.outputs[i] ?? '').concat(sum),
  })
}

/** Nodes that compute the sum alone. */
export function sumAlone(node: Node): Node[] {
  const [first, ...others] = addendsOf(node)
  let sum = first!
  return others.map((other, i) => {
    const made = i === others.length - 1 ? residualSumOf(node) : `${residualSumOf(node)}/${i}`
    const add = makeNode({ op: 'Add', inputs: [sum, other], outputs: [made] })
    sum = made
    return add
  })
}

/** The norm alone, of a value that is there already. */
export function normAlone(node: Node, of: string): Node {
  const { bias, norm } = SKIP_NORMS.get(operatorName(node))!
  return makeNode({
    op: norm,
    name: node.name,
    // ONNX Runtime 1.30 crashes on a LayerNormalization whose last input is named ''.
    inputs: [of, ...node.inputs.slice(2, bias).filter((name) => name !== '')],
    outputs: [node.outputs[0]!],
    attributes: { axis: -1n, epsilon: attributesOf(node).float('epsilon', EPSILON) },
  })
}

/** Default of the fused operators; that of LayerNormalization is another. */
const EPSILON = 1e-12

/** Sums that somebody reads are outputs of their nodes. */
export function withSumOutputs(nodes: readonly Node[]): Node[] {
  const read = new Set(nodes.flatMap(({ inputs }) => inputs))
  return nodes.map((node) => {
    if (!SKIP_NORMS.has(operatorName(node)) || node.outputs[3] || !read.has(residualSumOf(node))) return node
    return editNode(node, { outputs: [0, 1, 2].map((i) => node.outputs[i] ?? '').concat(residualSumOf(node)) })
  })
}

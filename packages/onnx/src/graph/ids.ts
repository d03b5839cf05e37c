import type { LocalFunction, Node } from '../model.js'

// Names of tensors and nodes that are unique in the model and stable between runs: in the main graph the plain name, elsewhere
// with the way to it in front.

/** What a node is called by: its first output that is used, since names of nodes are optional and may repeat. */
export function nodeId(path: string, node: Node): string {
  return `${path}${node.outputs.find((output) => output !== '') ?? node.name}`
}

/** A tensor in an attribute. The value of a Constant goes by the name of the node's output. */
export function attributeTensorId(path: string, node: Node, attribute: string): string {
  const isConstant = node.op === 'Constant' && node.domain === '' && attribute === 'value'
  return isConstant ? nodeId(path, node) : `${nodeId(path, node)}.${attribute}`
}

/** Makes what stands in front of the names of a nested graph: the node and its attribute, as in `y.then_branch/`. */
export function graphPath(path: string, node: Node, attribute: string): string {
  return `${nodeId(path, node)}.${attribute}/`
}

/** Makes what stands in front of the names inside a function: the same for all its calls. */
export function functionPath(callee: LocalFunction): string {
  return `${callee.domain}.${callee.name}/`
}

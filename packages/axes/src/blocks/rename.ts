import { editNode, type Node } from '@pare/onnx'

/** What a value is called instead. */
export type Names = ReadonlyMap<string, string>

/** A node that reads and makes values under other names. */
export function renamed(node: Node, names: Names): Node {
  if (![...node.inputs, ...node.outputs].some((name) => names.has(name))) return node
  const of = (name: string) => names.get(name) ?? name
  return editNode(node, { inputs: node.inputs.map(of), outputs: node.outputs.map(of) })
}

import { capturedBy, type Model, madeBy, type Node, PareError } from '@pare/onnx'
import { isDifferentiable } from './rules/rules.js'

export interface FlowOptions {
  readonly of: string
  readonly wrt: readonly string[]
  /** A node that gradients pass although it has no rule. */
  readonly through?: Node
}

/** Values that depend on something of `wrt` in a way that has a derivative, and that `of` depends on. */
export function flowOf(model: Model, { of, wrt, through }: FlowOptions): { readonly flows: ReadonlySet<string> } {
  const { nodes } = model.graph
  const depends = new Set(wrt)
  for (const node of nodes) {
    const touched = [...node.inputs.entries()].some(
      ([i, name]) => depends.has(name) && (node === through || isDifferentiable(node, i)),
    )
    if (touched || capturedBy(node).some((name) => depends.has(name))) for (const name of madeBy(node)) depends.add(name)
  }
  const names = new Set([...nodes.flatMap(madeBy), ...model.graph.inputs.map(({ name }) => name)])
  if (!names.has(of)) {
    throw new PareError(`autograd: the model has no value '${of}'.`, { hint: 'name the loss: the output of a node.' })
  }
  const leads = new Set([of])
  const flows = new Set<string>()
  for (const node of [...nodes].reverse()) {
    if (!madeBy(node).some((name) => leads.has(name))) continue
    for (const [i, name] of node.inputs.entries()) if (node === through || isDifferentiable(node, i)) leads.add(name)
    for (const name of capturedBy(node)) leads.add(name)
  }
  for (const name of leads) if (depends.has(name)) flows.add(name)
  return { flows }
}

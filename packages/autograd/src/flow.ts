import { type Graph, type Model, type Node, PareError } from '@pare/onnx'
import { isDifferentiable } from './rules.js'

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
    if (touched || capturedBy(node).some((name) => depends.has(name))) for (const name of node.outputs) depends.add(name)
  }
  const made = new Set([...nodes.flatMap(({ outputs }) => outputs), ...model.graph.inputs.map(({ name }) => name)])
  if (!made.has(of)) {
    throw new PareError(`autograd: the model has no value '${of}'.`, { hint: 'name the loss: the output of a node.' })
  }
  const leads = new Set([of])
  const flows = new Set<string>()
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => leads.has(name))) continue
    for (const [i, name] of node.inputs.entries()) if (node === through || isDifferentiable(node, i)) leads.add(name)
    for (const name of capturedBy(node)) leads.add(name)
  }
  for (const name of leads) if (name !== '' && depends.has(name)) flows.add(name)
  return { flows }
}

/** Values of the graph around a node that its nested graphs read. */
export function capturedBy(node: Node): string[] {
  return [...node.attributes.values()].flatMap((attribute) => {
    if (attribute.kind === 'graph') return free(attribute.value)
    return attribute.kind === 'graphs' ? attribute.value.flatMap(free) : []
  })
}

function free({ nodes, inputs, initializers, outputs }: Graph): string[] {
  const bound = new Set([...inputs, ...initializers].map(({ name }) => name))
  const read: string[] = []
  for (const node of nodes) {
    read.push(...[...node.inputs, ...capturedBy(node)].filter((name) => name !== '' && !bound.has(name)))
    for (const name of node.outputs) bound.add(name)
  }
  read.push(...outputs.map(({ name }) => name).filter((name) => !bound.has(name)))
  return read
}

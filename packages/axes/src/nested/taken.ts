import { attributesOf, editGraph, editModel, keyOf, type Model, madeBy, makeNode, type Node, withoutDead } from '@pare/onnx'
import { flattened } from './flatten.js'

/**
 * The model as it runs while inputs that hold one truth value have these: where such an input alone chooses between the branches of an If, the one that is taken
 * stands in its place, under the ids that values, nodes and constants of nested graphs have. Inputs and outputs stay. The model itself where no input chooses, or
 * where other graphs within nodes remain. Linear.
 */
export function takenBranches(model: Model, flags: ReadonlyMap<string, boolean>): Model {
  const flat = flattened(model).model
  if (flat === model) return model
  const { graph } = flat
  const values = new Map(graph.inputs.flatMap(({ name }) => (flags.has(name) ? [[name, flags.get(name)!] as const] : [])))
  const nodes = graph.nodes.flatMap((node): readonly Node[] => {
    const [condition = ''] = node.inputs
    const value = values.get(condition)
    if (value === undefined) return [node]
    if (isIf(node)) return taken(node, value)
    if (node.domain === '' && KEEPS.has(node.op)) for (const name of madeBy(node)) values.set(name, value !== (node.op === 'Not'))
    return [node]
  })
  const plain = withoutDead(flat, editModel(flat, { graph: editGraph(graph, { nodes }) }))
  return plain.graph.nodes.some(({ domain }) => domain === 'pare') ? model : plain
}

/** Operators of one input that leave a truth value what it was, and its opposite. */
const KEEPS: ReadonlySet<string> = new Set(['Identity', 'Reshape', 'Squeeze', 'Unsqueeze', 'Cast', 'Not'])

/** Whether a node of a flat model chooses between two branches. */
export const isIf = ({ op, domain }: Node): boolean => domain === 'pare' && op === 'If'

/** How names of what is in a branch of an If begin in a flat model. */
export function branchPath(choice: Node, value: boolean): string {
  return `${attributesOf(choice).string('id', '')}.${value ? 'then' : 'else'}_branch/`
}

/** A flat model with one branch of an If in its place, and without the other. */
export function wayThrough(flat: Model, choice: Node, value: boolean): Model {
  const other = branchPath(choice, !value)
  const left = flat.graph.nodes.filter((node) => !keyOf(node).startsWith(other))
  const nodes = left.flatMap((node) => (node === choice ? taken(node, value) : [node]))
  return editModel(flat, { graph: editGraph(flat.graph, { nodes }) })
}

/** Its outputs, as the branch makes them: inputs are the condition, then what the one branch makes, then the other. */
function taken({ inputs, outputs }: Node, value: boolean): readonly Node[] {
  const from = 1 + (value ? 0 : outputs.length)
  return outputs.flatMap((output, i) =>
    output === '' ? [] : [makeNode({ op: 'Identity', inputs: [inputs[from + i]!], outputs: [output] })],
  )
}

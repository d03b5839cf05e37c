import {
  editGraph,
  editModel,
  editNode,
  editValueInfo,
  type Graph,
  graphsOf,
  leadingTo,
  type Model,
  madeBy,
  makeNode,
  type Node,
  type ValueInfo,
} from '@pare/onnx'
import { type DecoderPair, FLAG } from './join.js'

/** Inputs and outputs of a file, as it had them. */
export type Face = Pick<Graph, 'inputs' | 'outputs'>

/** The two decoders that were joined, after what was done to them as one. Each has the inputs and outputs that it had, as far as they are left, with their sizes now. */
export function splitDecoders(joined: Model, faces: DecoderPair<Face>): DecoderPair<Model> {
  return { first: branchAs(joined, 'else_branch', faces.first), next: branchAs(joined, 'then_branch', faces.next) }
}

function branchAs(joined: Model, name: 'then_branch' | 'else_branch', face: Face): Model {
  const { graph } = joined
  const choice = graph.nodes.find(({ op, inputs }) => op === 'If' && inputs[0] === FLAG)!
  const body = [...choice.attributes.values()].flatMap(graphsOf).find((each) => each.name === name)!.graph
  const names = outerNames(body, choice.outputs)
  const copies: Node[] = []
  for (const [i, { name: value }] of body.outputs.entries()) {
    const [own, outer] = [names.get(value) ?? value, choice.outputs[i]!]
    if (own !== outer) copies.push(makeNode({ op: 'Identity', inputs: [own], outputs: [outer] }))
  }
  const nodes = [...graph.nodes.filter((node) => node !== choice), ...body.nodes.map((node) => renamed(node, names)), ...copies]
  const outputs = left(face.outputs, graph.outputs)
  const whole = editGraph(graph, { nodes, outputs, initializers: [...graph.initializers, ...body.initializers], values: [] })
  const live = leadingTo(
    whole,
    outputs.map((value) => value.name),
  )
  return editModel(joined, {
    graph: editGraph(whole, {
      nodes: nodes.filter((node) => madeBy(node).some((value) => live.has(value))),
      initializers: whole.initializers.filter((tensor) => live.has(tensor.name)),
      inputs: left(face.inputs, graph.inputs),
      values: body.values.filter((value) => live.has(value.name) && !names.has(value.name)),
    }),
  })
}

/** What values of a branch are called outside of it: outputs have the names that the model gives them, and what else has such a name gives way. */
function outerNames(body: Graph, outputs: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  const made = new Set(body.nodes.flatMap(madeBy))
  for (const [i, { name }] of body.outputs.entries()) if (made.has(name) && !names.has(name)) names.set(name, outputs[i]!)
  for (const name of outputs) if (made.has(name) && !names.has(name)) names.set(name, `${name}/within`)
  return new Map([...names].filter(([from, to]) => from !== to))
}

function renamed(node: Node, names: ReadonlyMap<string, string>): Node {
  if (![...node.inputs, ...node.outputs].some((name) => names.has(name))) return node
  const of = (name: string) => names.get(name) ?? name
  return editNode(node, { inputs: node.inputs.map(of), outputs: node.outputs.map(of) })
}

/** Inputs or outputs of a file that are left, with the numbers that the joined model has for their sizes. */
function left(before: readonly ValueInfo[], after: readonly ValueInfo[]): readonly ValueInfo[] {
  const now = new Map(after.map((value) => [value.name, value]))
  return before.flatMap((value) => {
    const other = now.get(value.name)
    if (other === undefined) return []
    const shape = value.shape?.map((size, axis) => {
      const size_ = other.shape?.[axis]
      return typeof size === 'number' && typeof size_ === 'number' ? size_ : size
    })
    return [shape === undefined ? value : editValueInfo(value, { shape })]
  })
}

import { editGraph, editModel, editNode, type Model, makeNode, type Node, type Uses, type ValueInfo } from '@pare/onnx'
import { widenedUsesOf } from './uses.js'

/** Operators whose nodes may be ours, or lie between ours. */
const OPERATORS =
  /^(MatMul|Gemm|Conv|Add|Sub|Mul|Div|Pow|Sqrt|Reciprocal|Neg|Exp|Erf|Relu|Sigmoid|Tanh|Swish|ReduceMean|\w*Gelu|\w*Normalization)$/
const [FLOAT, HALF] = [1n, 10n]

/** What has a type that decides about it: values that nodes of these operators read and make. None where no weight of halves is multiplied. */
export function namesToKnow({ graph }: Model): string[] {
  const { constants } = widenedUsesOf(graph)
  const isProduct = ({ op, inputs }: Node) =>
    /^(MatMul|Gemm|Conv)$/.test(op) && constants.get(inputs[1] ?? '')?.type === 'float16'
  if (!graph.nodes.some(isProduct)) return []
  const names = graph.nodes.filter(({ op }) => OPERATORS.test(op)).flatMap(({ inputs, outputs }) => [...inputs, ...outputs])
  return [...new Set(names)].filter((name) => name !== '' && !constants.has(name))
}

/**
 * The model with those of its nodes that work on halves in f32, as ONNX Runtime has it on a CPU: halves are widened before them, and rounded where others read
 * what they make. y16 = f(x16)  =  Cast(f(Cast(x16))), and Cast(Cast(y)) = y between two of them. `infoOf` has the types of `namesToKnow`.
 */
export function computeInFloats(model: Model, infoOf: (name: string) => ValueInfo | undefined): Model {
  const { graph } = model
  const uses = widenedUsesOf(graph)
  const isHalf = (name: string) => (uses.constants.get(name)?.type ?? infoOf(name)?.type) === 'float16'
  const chosen = new Set(graph.nodes.filter(({ op, inputs }) => OPERATORS.test(op) && inputs.some(isHalf)))
  const floatOf = namer(uses)
  const there = new Set<string>()
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    if (!chosen.has(node)) {
      nodes.push(node)
      continue
    }
    for (const name of new Set(node.inputs.filter((each) => isHalf(each) && !there.has(each)))) {
      nodes.push(cast(name, floatOf(name), FLOAT))
      there.add(name)
    }
    const [inputs, outputs] = [node.inputs, node.outputs].map((names) =>
      names.map((each) => (isHalf(each) ? floatOf(each) : each)),
    )
    nodes.push(editNode(node, { inputs: inputs!, outputs: outputs! }))
    for (const name of node.outputs.filter(isHalf)) {
      there.add(name)
      const isRead = uses.outputs.has(name) || uses.consumers.get(name)?.some((reader) => !chosen.has(reader))
      if (isRead) nodes.push(cast(floatOf(name), name, HALF))
    }
  }
  return editModel(model, { graph: editGraph(graph, { nodes, values: [] }) })
}

const cast = (from: string, to: string, type: bigint) =>
  makeNode({ op: 'Cast', inputs: [from], outputs: [to], attributes: { to: type } })

/** A name for the f32 of each value that nothing else has. */
function namer({ constants, producers, inputs }: Uses): (name: string) => string {
  let suffix = '.float'
  const all = [...constants.keys(), ...producers.keys(), ...inputs]
  while (all.some((name) => name.endsWith(suffix))) suffix += '_'
  return (name) => name + suffix
}

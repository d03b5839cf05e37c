import { editGraph, editModel, editNode, type Model, makeNode, type Node, operatorName } from '@pare/onnx'
import { blocksGone, boundsOf, cachesLeft, graphOf, interfaceOf, type RemovedBlocks } from './caches.js'
import { flowOf, residualSumOf, SKIP_NORMS } from './flow.js'
import { renamed } from './rename.js'
import { addendsOf, withAddends, withSumOutputs } from './skip-norms.js'

/**
 * The model with the end of each block that goes replaced by 0 · end + beginning: everything still runs, and nothing of it counts. Its inputs and
 * outputs are those of the cut model, and the inputs that only blocks that go read.
 */
export function gateBlocks(whole: Model, groups: readonly RemovedBlocks[]): Model {
  const blocks = blocksGone(groups)
  if (blocks.length === 0) return whole
  const { model, nest } = graphOf(whole, blocks)
  const begins = new Map(boundsOf(blocks).map(({ from, to }) => [to, from]))
  const nodes = model.graph.nodes.flatMap((node) => gatedAt(node, begins))
  const left = cachesLeft(groups, flowOf(model))
  const names = new Map([...[...left.without].map((name) => [name, `${name}/gone`] as const), ...left.names])
  const without = new Set(blocks.flatMap(({ outputs }) => outputs))
  const graph = editGraph(model.graph, {
    nodes: withSumOutputs(nodes).map((node) => renamed(node, names)),
    ...interfaceOf(model, { without, names }),
    values: model.graph.values.filter(({ name }) => !names.has(name)),
  })
  return nest(editModel(model, { graph }))
}

function gatedAt(node: Node, begins: ReadonlyMap<string, string>): Node[] {
  if (SKIP_NORMS.has(operatorName(node))) {
    const sum = residualSumOf(node)
    const from = begins.get(sum)
    if (from !== undefined) return gatedSum(node, from)
  }
  const to = node.outputs.find((name) => begins.has(name))
  if (to === undefined) return [node]
  const whole = `${to}/whole`
  return [
    editNode(node, { outputs: node.outputs.map((name) => (name === to ? whole : name)) }),
    makeNode({ op: 'Sub', inputs: [whole, whole], outputs: [`${to}/zero`] }),
    makeNode({ op: 'Add', inputs: [`${to}/zero`, begins.get(to)!], outputs: [to] }),
  ]
}

/** The sum inside a fused normalisation becomes the beginning and 0 times what is added. */
function gatedSum(node: Node, from: string): Node[] {
  const sum = residualSumOf(node)
  const [first, ...others] = addendsOf(node)
  const terms = others.map((other, i) =>
    makeNode({ op: 'Add', inputs: [i === 0 ? first! : `${sum}/whole${i - 1}`, other], outputs: [`${sum}/whole${i}`] }),
  )
  const whole = `${sum}/whole${terms.length - 1}`
  return [
    ...terms,
    makeNode({ op: 'Sub', inputs: [whole, whole], outputs: [`${sum}/zero`] }),
    withAddends(node, [from, `${sum}/zero`], sum),
  ]
}

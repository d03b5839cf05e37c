// Experts that are gone: found by the columns that a router's weight lost, and in the original never chosen.
import { attributesOf, editGraph, editModel, editNode, makeNode, makeTensor } from '@pare/onnx'
import { keptPositions } from './positions.mjs'
import { operandsOf } from './weights.mjs'

/** Nodes that choose among numbers of which some are gone: which are left, along which axis. */
export function routersOf(twins, { before, after }, constants) {
  const makers = new Map(twins.flatMap((pair) => pair.node.outputs.map((name) => [name, pair])))
  return twins.flatMap(({ node, twin }) => {
    if (!/^(Softmax|TopK|ArgMax|ReduceMax)$/.test(node.op)) return []
    const [whole, part] = [before(node.inputs[0]), after(twin.inputs[0])]
    const axis = whole?.shape.findIndex((size, i) => part?.shape[i] !== size) ?? -1
    if (axis < 0 || whole.shape.length !== part?.shape.length) return []
    const along = node.op === 'ReduceMax' ? attributesOf(node).ints('axes')?.[0] : (attributesOf(node).int('axis') ?? -1)
    if (along === undefined || (along + whole.shape.length) % whole.shape.length !== axis) return []
    const kept = keptColumns(node.inputs[0], whole.shape[axis])
    return kept === undefined ? [] : [{ node, axis, rank: whole.shape.length, size: whole.shape[axis], kept, type: whole.type }]
  })

  /** Back through functions of single elements to the weight that made the numbers. */
  function keptColumns(name, size) {
    for (let pair = makers.get(name); pair !== undefined; ) {
      const { node, twin } = pair
      const [operand] = operandsOf(node).filter(({ input }) => constants.has(node.inputs[input] ?? ''))
      if (operand !== undefined) {
        const [whole, part] = [before(node.inputs[operand.input]), after(twin.inputs[operand.input])]
        const kept = whole && part && keptPositions(whole, part)
        const at = whole?.shape.findIndex((each, i) => each === size && part?.shape[i] !== each)
        return at === undefined || at < 0 ? undefined : kept?.[at]
      }
      if (!/^(Add|Mul|Div|Sub|Sigmoid|Softmax|Cast|Identity|DequantizeLinear|QuantizeLinear|Relu|Tanh)$/.test(node.op))
        return undefined
      pair = node.inputs.map((input) => makers.get(input)).find((each) => each !== undefined)
    }
    return undefined
  }
}

/** The original in which positions that are gone hold what is below all others wherever some are chosen. */
export function withoutChoices(model, routers) {
  if (routers.length === 0) return model
  const own = new Map(routers.map((router) => [router.node.outputs[0], router]))
  const tensors = []
  const nodes = model.graph.nodes.flatMap((node) => {
    const router = own.get(node.outputs[0])
    if (router === undefined) return [node]
    const { axis, rank, size, kept, type } = router
    const name = `matrix/choices/${tensors.length}`
    const left = new Set(kept)
    const values = Array.from({ length: size }, (_, i) => (left.has(i) ? 0 : type === 'float16' ? -6e4 : -1e30))
    const shape = Array.from({ length: rank }, (_, i) => (i === axis ? size : 1))
    tensors.push(makeTensor({ name, type, shape, values }))
    const out = `${name}/numbers`
    const add = makeNode({ op: 'Add', inputs: [node.inputs[0], name], outputs: [out] })
    return [add, editNode(node, { inputs: node.inputs.with(0, out) })]
  })
  return editModel(model, { graph: editGraph(model.graph, { nodes, initializers: [...model.graph.initializers, ...tensors] }) })
}

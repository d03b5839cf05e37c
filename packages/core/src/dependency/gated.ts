import { editGraph, editModel, editNode, type Model, makeNode, makeTensor, type Node, type Tensor } from '@pare/onnx'
import type { Axis } from './axis.js'
import type { Dependencies } from './dependencies.js'
import { keptMask, type Removals } from './kept.js'
import type { Contraction } from './site.js'

/**
 * The model with the units that go multiplied by 0 wherever values are summed over them: there removal and a factor 0 are the same, whatever lies
 * between. Its outputs are what those of the cut model must be. Shapes stay.
 */
export function gated(model: Model, { contractions, axesAt }: Dependencies, removals: Removals): Model {
  const nodes: Node[] = []
  const masks: Tensor[] = []
  const sites = new Map<Node, Contraction[]>()
  for (const site of contractions) sites.set(site.node, [...(sites.get(site.node) ?? []), site])
  for (const node of model.graph.nodes) {
    let now = node
    for (const { input, axis, along } of sites.get(node) ?? []) {
      const mask = maskOf(along, removals)
      if (mask === undefined) continue
      const name = `${node.outputs[0]}/gate${input}.${axis}`
      // Broadcasting starts at the last axis: one of size 1 for each that follows.
      const following = (axesAt(node.outputs[0]!, input)?.length ?? 0) - axis - 1
      masks.push(
        makeTensor({
          name: `${name}/mask`,
          type: 'float32',
          shape: [along.size, ...new Array<number>(following).fill(1)],
          values: mask,
        }),
      )
      nodes.push(makeNode({ op: 'Mul', inputs: [now.inputs[input]!, `${name}/mask`], outputs: [name] }))
      now = editNode(now, { inputs: now.inputs.map((each, i) => (i === input ? name : each)) })
    }
    nodes.push(now)
  }
  const { graph } = model
  return editModel(model, { graph: editGraph(graph, { nodes, initializers: [...graph.initializers, ...masks] }) })
}

function maskOf(along: Axis, removals: Removals): Float32Array | undefined {
  const mask = keptMask(along, removals)
  return mask.every((kept) => kept === 1) ? undefined : Float32Array.from(mask)
}

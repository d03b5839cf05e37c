import { type BatchAxis, batchAxisOf, checkBatchAxis } from '@pare/evaluate'
import {
  capturedBy,
  editGraph,
  editModel,
  editNode,
  editValueInfo,
  GraphWriter,
  type Model,
  PareError,
  type ValueInfo,
} from '@pare/onnx'
import { valuesOf } from '../data/training-data.js'

/**
 * The model with the samples of inputs and outputs on the first axis, and names as they were: a Transpose stands behind each input and before each output that has them elsewhere, as
 * recurrent networks have behind the steps. Losses compare sample by sample. The same model where all have them on the first. Throws PareError for a batch axis that no value has.
 */
export function samplesFirst(model: Model, setting?: BatchAxis): Model {
  const { graph } = model
  const values = valuesOf([...graph.inputs, ...graph.outputs])
  checkBatchAxis(setting, values)
  const stored = new Set(graph.initializers.map(({ name }) => name))
  const axes = new Map(values.map((value) => [value.name, batchAxisOf(value, setting)] as const))
  const isTurned = ({ name }: ValueInfo) => (axes.get(name) ?? 0) > 0 && !stored.has(name)
  const inputs = graph.inputs.filter(isTurned)
  const outputs = graph.outputs.filter((output) => isTurned(output) && !graph.inputs.some(({ name }) => name === output.name))
  if (inputs.length + outputs.length === 0) return model
  const captured = graph.nodes.flatMap(capturedBy).find((name) => inputs.some((input) => input.name === name))
  if (captured !== undefined) throw nested(captured, axes.get(captured)!)
  const writer = new GraphWriter(graph, 'samples_first')
  const inside = new Map([...inputs, ...outputs].map(({ name }) => [name, writer.name()]))
  const own = (name: string) => inside.get(name) ?? name
  for (const { name, shape } of inputs) {
    const front = frontOf(axes.get(name)!, shape!.length)
    writer.write('Transpose', [name], [own(name)], { perm: front.map((_, axis) => BigInt(front.indexOf(axis))) })
  }
  const before = writer.nodes.length
  for (const { name, shape } of outputs)
    writer.write('Transpose', [own(name)], [name], { perm: frontOf(axes.get(name)!, shape!.length).map(BigInt) })
  const turned = (value: ValueInfo) =>
    inside.has(value.name)
      ? editValueInfo(value, { shape: frontOf(axes.get(value.name)!, value.shape!.length).map((axis) => value.shape![axis]) })
      : value
  const nodes = graph.nodes.map((node) =>
    [...node.inputs, ...node.outputs].some((name) => inside.has(name))
      ? editNode(node, { inputs: node.inputs.map(own), outputs: node.outputs.map(own) })
      : node,
  )
  return editModel(model, {
    graph: editGraph(graph, {
      inputs: graph.inputs.map(turned),
      outputs: graph.outputs.map(turned),
      nodes: [...writer.nodes.slice(0, before), ...nodes, ...writer.nodes.slice(before)],
    }),
  })
}

/** All axes, this one in front. */
function frontOf(axis: number, rank: number): number[] {
  return [axis, ...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis)]
}

function nested(name: string, axis: number): PareError {
  return new PareError(`retrain: '${name}' has its samples on axis ${axis}, and a branch or a loop reads it.`, {
    hint: 'export the model with the batch first, or prune without --train.',
  })
}

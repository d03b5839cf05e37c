import { attributesOf, dataTypeCode, type Graph, type Uses, usesOf } from '@pare/onnx'
import { widenedTensor } from './widened-tensor.js'

/** Who makes and who reads the values of a graph. Halves behind a Cast are constants too, as the f32 that it makes of them. */
export function widenedUsesOf(graph: Graph): Uses {
  const uses = usesOf(graph)
  const constants = new Map(uses.constants)
  for (const node of graph.nodes) {
    const widens = node.op === 'Cast' && node.domain === '' && attributesOf(node).int('to') === FLOAT
    const tensor = widens ? constants.get(node.inputs[0]!) : undefined
    if (tensor?.type === 'float16' || tensor?.type === 'bfloat16') constants.set(node.outputs[0]!, widenedTensor(tensor))
  }
  return { ...uses, constants }
}

const FLOAT = dataTypeCode('float32')

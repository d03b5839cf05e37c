import { attributesOf, dataTypeCode, type Graph, type Uses, usesOf } from '@pare/onnx'
import { type Codes, codesOf, dequantisedTensor } from './dequantised-tensor.js'
import { widenedTensor } from './widened-tensor.js'

export interface WidenedUses extends Uses {
  /** What constants are made of that stand as integers in the file. */
  readonly codes: ReadonlyMap<string, Codes>
}

/** Who makes and who reads the values of a graph. Halves behind a Cast, and integers behind a DequantizeLinear, are constants too, as the f32 that it makes. */
export function widenedUsesOf(graph: Graph): WidenedUses {
  const uses = usesOf(graph)
  const constants = new Map(uses.constants)
  const codes = new Map<string, Codes>()
  for (const node of graph.nodes) {
    const widens = node.op === 'Cast' && node.domain === '' && attributesOf(node).int('to') === FLOAT
    const tensor = widens ? constants.get(node.inputs[0]!) : undefined
    if (tensor?.type === 'float16' || tensor?.type === 'bfloat16') constants.set(node.outputs[0]!, widenedTensor(tensor))
    const integers = codesOf(node, uses.constants)
    if (integers === undefined) continue
    codes.set(node.outputs[0]!, integers)
    constants.set(node.outputs[0]!, dequantisedTensor(integers))
  }
  return { ...uses, constants, codes }
}

const FLOAT = dataTypeCode('float32')

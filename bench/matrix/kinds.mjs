// Whether a model has weights of a kind, read from its graph without core: what must not be passed over in silence.
import { graphsOf, inlineFunctions } from '@pare/onnx'
import { operandsOf } from './weights.mjs'

const BETWEEN =
  /^(Add|Sub|Mul|Div|Relu|LeakyRelu|Elu|Selu|Celu|Sigmoid|HardSigmoid|HardSwish|Tanh|Erf|Gelu|Softplus|Clip|Pow|Sqrt|Identity|Dropout|Cast|PRelu|Min|Max|Where|Sum|Exp|Neg|Abs|QuantizeLinear|DequantizeLinear|BatchNormalization)$/

/** { channel, neuron }: how many weights of convolutions feed others, and how many pairs of matrix products have only functions of single elements between. */
export function kindsOf(model) {
  const found = { channel: 0, neuron: 0 }
  const visit = (graph, outer) => {
    const constants = new Set([...outer, ...graph.initializers.map(({ name }) => name)])
    for (const { name } of graph.inputs) constants.delete(name)
    // The last weight before each value that only functions of single elements stand between.
    const origin = new Map()
    const convolved = new Set()
    const pairs = []
    // Products whose outputs something takes statistics over: the width of a residual stream.
    const looked = new Set()
    for (const node of graph.nodes) {
      const nested = [...node.attributes.values()].flatMap((attribute) => graphsOf(attribute).map(({ graph }) => graph))
      for (const each of nested) visit(each, constants)
      if (nested.length === 0 && node.inputs.every((name) => name === '' || constants.has(name)))
        for (const name of node.outputs) constants.add(name)
      const weighted = operandsOf(node).some(({ input }) => constants.has(node.inputs[input] ?? ''))
      const isConv = /Conv/.test(node.op) && !/Transpose$/.test(node.op)
      if (weighted && /Conv/.test(node.op)) {
        if (node.inputs.some((name) => convolved.has(name)) && isConv) found.channel++
      }
      if (node.inputs.some((name) => convolved.has(name)) || (weighted && /Conv/.test(node.op)))
        for (const name of node.outputs) convolved.add(name)
      const product = /^(MatMul|Gemm|FusedMatMul|MatMulInteger)/.test(node.op)
      if (product && weighted) {
        for (const name of node.inputs) if (origin.has(name)) pairs.push(origin.get(name))
        origin.set(node.outputs[0], [node])
        continue
      }
      const sources = [...new Set(node.inputs.flatMap((name) => origin.get(name) ?? []))]
      if (sources.length === 0) continue
      if (BETWEEN.test(node.op)) origin.set(node.outputs[0], sources)
      else if (/^Reduce|Normalization$|^Softmax$/.test(node.op)) for (const source of sources) looked.add(source)
    }
    found.neuron += pairs.filter((sources) => !sources.some((source) => looked.has(source))).length
  }
  visit(inlineFunctions(model).graph, new Set())
  return found
}

import { attention, microsoftAttention } from './attention.js'
import { conv } from './convolution.js'
import { einsum } from './einsum.js'
import { quantised } from './quantised.js'
import { broadcast, each, type Facts, type OperatorCall, type ShapeRule, type ShapeRules, shaped } from './rule.js'

/** numpy's matmul: vectors get an axis for the time, the axes in front are broadcast. */
export function matmul(a: readonly number[] | undefined, b: readonly number[] | undefined): readonly number[] | undefined {
  if (a === undefined || b === undefined || a.length === 0 || b.length === 0) return undefined
  const left = a.length === 1 ? [1, a[0]!] : a
  const right = b.length === 1 ? [b[0]!, 1] : b
  if (left.at(-1) !== right.at(-2)) return undefined
  const batch = broadcast(left.slice(0, -2), right.slice(0, -2))
  return batch && [...batch, ...(a.length === 1 ? [] : [left.at(-2)!]), ...(b.length === 1 ? [] : [right.at(-1)!])]
}

function multiplied(a: number, b: number): ShapeRule {
  return (call) => shaped(matmul(call.shape(a), call.shape(b)))
}

function gemm(call: OperatorCall): Facts {
  const [a, b] = [call.shape(0), call.shape(1)]
  if (a?.length !== 2 || b?.length !== 2) return []
  return shaped([a[call.int('transA', 0) === 1 ? 1 : 0]!, b[call.int('transB', 0) === 1 ? 0 : 1]!])
}

/** com.microsoft: MatMul with either side transposed in its last two axes, or with its first axis moved behind the batches before that. */
function fusedMatMul(call: OperatorCall): Facts {
  const side = (input: number, name: 'A' | 'B'): readonly number[] | undefined => {
    const shape = call.shape(input)
    if (shape === undefined || shape.length < 2) return shape
    const [first, ...rest] = shape
    const matrix = call.int(`transBatch${name}`, 0) === 1 ? [...rest.slice(0, -1), first!, rest.at(-1)!] : shape
    return call.int(`trans${name}`, 0) === 1 ? [...matrix.slice(0, -2), matrix.at(-1)!, matrix.at(-2)!] : matrix
  }
  return shaped(matmul(side(0, 'A'), side(1, 'B')))
}

/** com.microsoft: the weight is packed; K and N are attributes. */
function matMulNBits(call: OperatorCall): Facts {
  const from = call.shape(0)
  return from === undefined ? [] : shaped([...from.slice(0, -1), call.int('N', Number.NaN)])
}

function batchNormalization(call: OperatorCall): Facts {
  const scale = { shape: call.shape(1) }
  return [{ shape: call.shape(0) }, scale, scale, scale, scale]
}

/** Mean and inverse deviation keep an axis of size 1 for each normalised one. */
function layerNormalization(call: OperatorCall): Facts {
  const from = call.shape(0)
  if (from === undefined) return []
  const axis = call.int('axis', -1)
  const first = axis < 0 ? axis + from.length : axis
  const reduced = { shape: from.map((size, at) => (at < first ? size : 1)) }
  return [{ shape: from }, reduced, reduced]
}

/** y f32[seq, directions, batch, units], y_h and y_c f32[directions, batch, units]; with layout 1 batch stands first. */
function recurrent(call: OperatorCall): Facts {
  const [x, weight] = [call.shape(0), call.shape(1)]
  if (x?.length !== 3 || weight === undefined) return []
  const directions = weight[0]!
  const units = call.int('hidden_size', call.shape(2)?.[2] ?? Number.NaN)
  if (Number.isNaN(units)) return []
  if (call.int('layout', 0) === 1) {
    const last = { shape: [x[0]!, directions, units] }
    return [{ shape: [x[0]!, x[1]!, directions, units] }, last, last]
  }
  const last = { shape: [directions, x[1]!, units] }
  return [{ shape: [x[0]!, directions, x[1]!, units] }, last, last]
}

function dynamicQuantize(call: OperatorCall): Facts {
  return [{ shape: call.shape(0) }, { shape: [] }, { shape: [] }]
}

const lossOf: ShapeRule = (call) => {
  const labels = call.shape(1)
  const loss = call.string('reduction', 'mean') === 'none' ? labels : []
  return [{ shape: loss }, { shape: call.shape(0) }]
}

export const matrix: ShapeRules = {
  ...each('MatMul MatMulInteger', multiplied(0, 1)),
  QLinearMatMul: multiplied(0, 3),
  Gemm: gemm,
  Einsum: einsum,
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  ...each('LSTM GRU RNN', recurrent),
  Attention: attention,
  RotaryEmbedding: (call) => [{ shape: call.shape(0) }],
  DynamicQuantizeLinear: dynamicQuantize,
  SoftmaxCrossEntropyLoss: lossOf,
  NegativeLogLikelihoodLoss: (call) => [lossOf(call)[0]],
  Det: (call) => shaped(call.shape(0)?.slice(0, -2)),
}

/** The sum of input and skip is output 3. */
/** The norm, mean and deviation of each row, and the sum. */
function skipNormalization(call: OperatorCall): Facts {
  const shape = call.shape(0)
  const each = { shape: shape && [...shape.slice(0, -1), 1] }
  return [{ shape }, each, each, { shape }]
}

function embedLayerNormalization(call: OperatorCall): Facts {
  const [ids, words] = [call.shape(0), call.shape(2)]
  if (ids === undefined || words === undefined) return []
  const sum = { shape: [...ids, words[1]!] }
  return [sum, { shape: [ids[0]!] }, sum]
}

/** Operators of com.microsoft that ai.onnx has not, or has otherwise. */
export const microsoft: ShapeRules = {
  ...each('FusedMatMul TransposeMatMul', fusedMatMul),
  FusedConv: conv(0, 1),
  FusedGemm: gemm,
  ...each('MatMulNBits MatMulBnb4', matMulNBits),
  ...each('MatMulIntegerToFloat DynamicQuantizeMatMul', multiplied(0, 1)),
  ...microsoftAttention,
  ...each('SkipLayerNormalization SkipSimplifiedLayerNormalization', skipNormalization),
  EmbedLayerNormalization: embedLayerNormalization,
  ...each('BiasGelu FastGelu QuickGelu', (call) => [{ shape: call.shape(0) }]),
  DynamicQuantizeLSTM: recurrent,
  ...each('MoE QMoE', (call) => [{ shape: call.shape(0) }]),
  BiasSplitGelu: (call) => halved(call.shape(0)),
  ...quantised,
}

/** One half of the last axis times a function of the other. */
function halved(shape: readonly number[] | undefined): Facts {
  return shaped(shape && [...shape.slice(0, -1), shape.at(-1)! / 2])
}

// What nodes sum over, read from the operators' own definitions: nothing of core is used here.
import { attributesOf } from '@pare/onnx'

/**
 * The operands of a node that may be weights, each with the axes along which the node sums over its input. `blocks`: an axis that is made of so many
 * groups, each of which may have lost other positions.
 */
export function operandsOf(node) {
  const attributes = attributesOf(node)
  const groups = Number(attributes.int('group') ?? 1n)
  switch (node.op) {
    case 'MatMul':
    case 'FusedMatMul':
      return [
        { input: 0, axis: -1 },
        { input: 1, axis: -2 },
      ].map((each) => (Number(attributes.int(each.input === 0 ? 'transA' : 'transB') ?? 0n) ? turned(each) : each))
    case 'Gemm':
    case 'FusedGemm':
      return [
        { input: 0, axis: Number(attributes.int('transA') ?? 0n) ? 0 : 1 },
        { input: 1, axis: Number(attributes.int('transB') ?? 0n) ? 1 : 0 },
      ]
    case 'Conv':
    case 'FusedConv':
      return [{ input: 1, axis: 1, blocks: { axis: 0, count: groups } }]
    case 'ConvTranspose':
      return [{ input: 1, axis: 0, blocks: { axis: 0, count: groups } }]
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return [
        { input: 1, axis: 2, blocks: { axis: 0, count: 0 } },
        { input: 2, axis: 2, blocks: { axis: 0, count: 0 } },
      ]
    case 'Einsum':
      return einsumOperands(attributes.string('equation') ?? '')
    case 'MatMulInteger':
    case 'ConvInteger':
    case 'QLinearMatMul':
    case 'QLinearConv':
    case 'QGemm':
    case 'MatMulNBits':
    case 'DynamicQuantizeMatMul':
    case 'MatMulIntegerToFloat':
      return [{ input: node.op.startsWith('QLinear') || node.op === 'QGemm' ? 3 : 1, axis: undefined }]
    default:
      return []
  }
}

const turned = ({ input, axis }) => ({ input, axis: axis === -1 ? -2 : -1 })

function einsumOperands(equation) {
  const [inputs, output = ''] = equation.replaceAll(' ', '').split('->')
  return inputs.split(',').flatMap((labels, input) => {
    if (labels.includes('.')) return []
    return [...labels].flatMap((label, axis) => (output.includes(label) ? [] : [{ input, axis }]))
  })
}

/** Operators that look at an axis as a whole: where that axis lost positions, factors in weights are no removal. Undefined: it does not. */
export function statisticsOf(node, before, after) {
  const attributes = attributesOf(node)
  const lost = (axis) => {
    const at = axis < 0 ? axis + before.length : axis
    return before.length !== after.length || before[at] !== after[at]
  }
  const from = (axis) => before.some((_, i) => i >= (axis < 0 ? axis + before.length : axis) && lost(i))
  const is = (value) => (value ? node.op : undefined)
  if (node.domain !== '' && node.op !== 'FusedMatMul' && node.op !== 'Gelu') return node.op
  switch (node.op) {
    case 'LayerNormalization':
    case 'RMSNormalization':
    case 'SimplifiedLayerNormalization':
      return is(from(Number(attributes.int('axis') ?? -1n)))
    case 'GroupNormalization':
      return is(lost(1) || from(2))
    case 'InstanceNormalization':
    case 'GlobalAveragePool':
    case 'GlobalMaxPool':
    case 'AveragePool':
    case 'MaxPool':
      return is(from(2))
    case 'LRN':
      return is(lost(1))
    case 'LpNormalization':
    case 'Softmax':
    case 'LogSoftmax':
    case 'Hardmax':
    case 'ArgMax':
    case 'ArgMin':
    case 'TopK':
    case 'CumSum':
      return is(lost(Number(attributes.int('axis') ?? -1n)))
    case 'MatMul':
    case 'FusedMatMul':
      return is(lost(-1) || lost(-2))
    default:
      return /^(Reduce|MeanVariance|Det$|If$|Loop$|Scan$|Attention$)/.test(node.op) ? node.op : undefined
  }
}

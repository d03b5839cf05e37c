import { attributesOf, einsumTerms, elementCount, type Node } from '@pare/onnx'
import { einsumProduct } from './einsum.js'

/** Operators that multiply their input with a weight: which inputs may be the weight, and where its output units lie. Add a line to teach another. */
export const WEIGHT_OPERATORS: ReadonlyMap<string, WeightOperator> = new Map([
  ['MatMul', { inputs: [1, 0], rows: product(1) }],
  ['Gemm', { inputs: [1, 0], rows: gemm }],
  ['Conv', { inputs: [1], rows: filters }],
  ['ConvTranspose', { inputs: [1], rows: convTranspose }],
  ['com.microsoft.FusedMatMul', { inputs: [1, 0], rows: gemm }],
  ['com.microsoft.FusedGemm', { inputs: [1, 0], rows: gemm }],
  ['com.microsoft.FusedConv', { inputs: [1], rows: filters }],
  ['com.microsoft.Attention', { inputs: [1], rows: (_, _input, shape) => lastAxis(shape) }],
  ['com.microsoft.QAttention', { inputs: [1], rows: (_, _input, shape) => lastAxis(shape) }],
  ['ConvInteger', { inputs: [1], rows: filters }],
  ['QLinearConv', { inputs: [3], rows: filters }],
  ['MatMulInteger', { inputs: [1, 0], rows: product(1) }],
  ['com.microsoft.DynamicQuantizeMatMul', { inputs: [1], rows: product(1) }],
  ['com.microsoft.MatMulIntegerToFloat', { inputs: [1, 0], rows: product(1) }],
  ['QLinearMatMul', { inputs: [3, 0], rows: product(3) }],
  ['com.microsoft.QGemm', { inputs: [3], rows: (node, _, shape) => gemm(node, 1, shape) }],
  // Its elements are [out, in], however they are packed.
  ['com.microsoft.MatMulNBits', { inputs: [1], rows: (_, _input, shape) => firstAxis(shape) }],
  [
    'Einsum',
    {
      ...{ inputs: [0, 1, 2, 3], rows: einsum, reason: 'the equation of its Einsum makes no matrix of it' },
      isPruned: (node, input) => einsumProduct(node, input) !== undefined,
    },
  ],
  ['LSTM', recurrent('LSTM')],
  ['GRU', recurrent('GRU')],
  ['RNN', recurrent('RNN')],
  [
    'com.microsoft.MoE',
    { inputs: [2, 4, 6], reason: 'it holds the weights of experts (MoE)', rows: (_, _input, shape) => firstAxis(shape) },
  ],
] satisfies [string, WeightOperator][])

export interface WeightOperator {
  readonly inputs: readonly number[]
  /** Why such a weight is not pruned unless it is named. Absent: it is. */
  readonly reason?: string
  /** Of an operator with a reason: whether it does not hold here. Default: it does */
  isPruned?(node: Node, input: number): boolean
  rows(node: Node, input: number, shape: readonly number[]): Rows
}

/** Where the output units of a weight lie: element index = ((batch · before + b) · out + row) · after + a. */
export interface Rows {
  /** Independent stretches with rows of their own: batch dimensions of MatMul, groups of ConvTranspose. */
  readonly batch: number
  readonly before: number
  readonly out: number
  readonly after: number
}

/** [..., in, out] where the weight is the right side, which stands at input `right`. */
function product(right: number): WeightOperator['rows'] {
  return (_, input, shape) => (input === right ? lastAxis(shape) : firstAxis(shape))
}

/** [out, in ÷ group, ...kernel] */
function filters(_: Node, _input: number, [out = 1, ...rest]: readonly number[]): Rows {
  return { batch: 1, before: 1, out, after: elementCount(rest) }
}

/** [..., in, out] */
function lastAxis(shape: readonly number[]): Rows {
  return { batch: elementCount(shape.slice(0, -2)), before: shape.at(-2) ?? 1, out: shape.at(-1) ?? 1, after: 1 }
}

/** [..., out, in] */
function firstAxis(shape: readonly number[]): Rows {
  return { batch: elementCount(shape.slice(0, -2)), before: 1, out: shape.at(-2) ?? 1, after: shape.at(-1) ?? 1 }
}

/** A [out, in] and B [in, out], each the other way round when transposed. */
function gemm(node: Node, input: number, shape: readonly number[]): Rows {
  const transposed = attributesOf(node).int(input === 0 ? 'transA' : 'transB') === 1
  return transposed === (input === 1) ? firstAxis(shape) : lastAxis(shape)
}

/**
 * Letters that the output lacks are summed over. Rows are told apart where these stand together, behind letters that are not summed over and before or behind
 * others; else each element is a row of its own, beside as many others as are summed.
 */
function einsum(node: Node, input: number, shape: readonly number[]): Rows {
  const { inputs, output } = einsumTerms(attributesOf(node).string('equation') ?? '')
  const letters = [...(inputs[input]?.before ?? ''), ...(inputs[input]?.after ?? '')]
  const isSummed = letters.map((letter) => !(output.before + output.after).includes(letter))
  const [first, last] = [isSummed.indexOf(true), isSummed.lastIndexOf(true)]
  const before = elementCount(shape.filter((_, i) => isSummed[i]))
  const size = (from: number, to?: number) => elementCount(shape.slice(from, to))
  const isTogether = letters.length === shape.length && isSummed.slice(first, last + 1).every((each) => each)
  if (first < 0 || !isTogether) return { batch: 1, before, out: elementCount(shape) / Math.max(before, 1), after: 1 }
  return last + 1 < shape.length
    ? { batch: size(0, first), before, out: size(last + 1), after: 1 }
    : { batch: size(0, Math.max(first - 1, 0)), before: 1, out: first > 0 ? shape[first - 1]! : 1, after: before }
}

/** W [in, out ÷ group, ...kernel]: the inputs of one group after those of another. */
function convTranspose(node: Node, _: number, [inputs = 1, out = 1, ...kernel]: readonly number[]): Rows {
  const group = attributesOf(node).int('group', 1)
  return { batch: group, before: inputs / group, out, after: elementCount(kernel) }
}

/** W and R [direction, gates · out, in]. */
function recurrent(op: string): WeightOperator {
  return { inputs: [1, 2], reason: `it is a weight of a recurrent layer (${op})`, rows: (_, _input, shape) => firstAxis(shape) }
}

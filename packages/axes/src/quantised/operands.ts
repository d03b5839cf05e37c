import { attributesOf, byOperator, elementCount, type Node, operatorName, type Tensor } from '@pare/onnx'

/** An input of a node that may hold codes in the place of numbers, and which inputs say what the codes stand for. */
export interface CodedOperand {
  readonly input: number
  /** Input with the scale. Absent: none is given here */
  readonly scale?: number
  /** Input with the zero point. Absent: none is given here */
  readonly zero?: number
  /** Of the elements, along which a scale or zero point of several numbers goes; from the end where it is negative. */
  readonly axis: number
  /** Positions of the axis that share a scale. Default: one scale for each position */
  readonly block?: number
  /** Of integers of this many bits that are stored several in a byte. Default: one code for each stored element */
  readonly packedBits?: number
  /** Of the elements, where it is not that of the stored tensor. */
  readonly shape?: readonly number[]
  /** The code of 0 where no zero point is given. Default: 0 */
  readonly origin?: number
}

/** The coded operands of a node. None for operators that compute with floats only. `stored` is the constant behind an input, if it is one. */
export function codedOperands(node: Node, stored: (input: number) => Tensor | undefined): readonly CodedOperand[] {
  return OPERATORS.get(operatorName(node))?.(node, stored) ?? []
}

type CodedOperands = (node: Node, stored: (input: number) => Tensor | undefined) => readonly CodedOperand[]

const OPERATORS: ReadonlyMap<string, CodedOperands> = byOperator<CodedOperands>([
  [dequantized, 'DequantizeLinear com.microsoft.DequantizeLinear'],
  [always({ input: 3, scale: 4, zero: 5, axis: 0 }, { input: 8, axis: 0 }), 'QLinearConv'],
  [always({ input: 1, zero: 3, axis: 0 }), 'ConvInteger'],
  [always({ input: 3, scale: 4, zero: 5, axis: -1 }, { input: 0, scale: 1, zero: 2, axis: -2 }), 'QLinearMatMul'],
  [always({ input: 1, zero: 3, axis: -1 }, { input: 0, zero: 2, axis: -2 }), 'MatMulInteger'],
  [always({ input: 1, scale: 2, zero: 3, axis: -1 }), 'com.microsoft.DynamicQuantizeMatMul'],
  [always({ input: 1, scale: 3, zero: 5, axis: -1 }), 'com.microsoft.MatMulIntegerToFloat'],
  [always({ input: 1, scale: 4, zero: 7, axis: -1 }), 'com.microsoft.QAttention'],
  [
    always({ input: 1, scale: 8, zero: 9, axis: 0 }, { input: 2, scale: 10, zero: 11, axis: 0 }),
    'com.microsoft.DynamicQuantizeLSTM',
  ],
  [qGemm, 'com.microsoft.QGemm'],
  [matMulNBits, 'com.microsoft.MatMulNBits'],
  [gathered, 'com.microsoft.GatherBlockQuantized'],
  [experts, 'com.microsoft.QMoE'],
])

function always(...operands: readonly CodedOperand[]): CodedOperands {
  return () => operands
}

function dequantized(node: Node): readonly CodedOperand[] {
  const { int } = attributesOf(node)
  return [{ input: 0, scale: 1, zero: 2, axis: int('axis', 1), block: int('block_size', 0) }]
}

function qGemm(node: Node): readonly CodedOperand[] {
  const outputs = attributesOf(node).int('transB', 0) === 1 ? 0 : 1
  return [
    { input: 3, scale: 4, zero: 5, axis: outputs },
    { input: 6, axis: 0 },
  ]
}

/** W [N, K] in blocks along K, stored as u8[N, blocks, bytes of a block]. */
function matMulNBits(node: Node): readonly CodedOperand[] {
  const { int } = attributesOf(node)
  const [n, k, block, packedBits] = [int('N', 0), int('K', 0), int('block_size', 0), int('bits', 4)]
  return [{ input: 1, scale: 2, zero: 3, axis: 1, block, packedBits, shape: [n, k], origin: 2 ** (packedBits - 1) }]
}

/** A table in blocks along one axis, stored in its own type, or packed into bytes along the last axis. */
function gathered(node: Node, stored: (input: number) => Tensor | undefined): readonly CodedOperand[] {
  const { int } = attributesOf(node)
  const table = stored(0)
  if (table === undefined) return []
  const bits = int('bits', 4)
  const operand = { input: 0, scale: 2, zero: 3, axis: int('quantize_axis', 1), block: int('block_size', 128) }
  if (table.type !== 'uint8') return [operand]
  return [{ ...operand, packedBits: bits, shape: unpacked(table, bits), origin: 2 ** (bits - 1) }]
}

/** Weights [experts, out, in], packed along the last axis. What a code stands for differs between versions: they are counted, their scales left out. */
function experts(node: Node, stored: (input: number) => Tensor | undefined): readonly CodedOperand[] {
  const bits = attributesOf(node).int('expert_weight_bits', 4)
  return [2, 5, 8].flatMap((input) => {
    const weight = stored(input)
    if (weight === undefined) return []
    return [{ input, axis: 1, packedBits: bits, shape: unpacked(weight, bits), origin: 2 ** (bits - 1) }]
  })
}

function unpacked({ shape }: Tensor, bits: number): readonly number[] {
  return shape.length === 0 ? shape : [...shape.slice(0, -1), shape.at(-1)! * (8 / bits)]
}

/** Whether a zero point holds codes several in a byte: then it has fewer bytes than there are blocks. */
export function isPacked(zero: Tensor, blocks: number): boolean {
  return zero.type === 'uint8' && elementCount(zero.shape) < blocks
}

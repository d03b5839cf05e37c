import {
  bitsOf,
  type DataType,
  elementCount,
  isFloat,
  keyOf,
  type Model,
  makeTensor,
  type Node,
  operatorName,
  type Payload,
  type Tensor,
  type Uses,
  usesOf,
  visitNodes,
} from '@pare/onnx'
import { alongAxis, type Coding, forAll, type Parameter } from './coding.js'
import { decodedPayload, maskedCodes } from './decoded.js'
import { isFloat8 } from './float8.js'
import { type CodedOperand, codedOperands, isPacked } from './operands.js'

/** A stored tensor of integers that stand for other numbers: a weight, a bias or a table. */
export interface QuantisedTensor {
  /** Unique in the model. */
  readonly id: string
  readonly stored: Tensor
  /** The numbers that it stands for, f32 under the same name, decoded where they are read. */
  readonly values: Tensor
  /** Of a code: of packed ones not the type that they are stored as. */
  readonly type: DataType
  /** "int8 behind DequantizeLinear 'w'", "uint4 of MatMulNBits 'y'" */
  readonly form: string
  /** The stored elements with those of 0 wherever `values`, as masked, are 0. */
  masked(values: Payload): Payload
  /** Why it is read, and neither masked nor cut. Absent: it may be */
  readonly unmaskable?: string
}

/** What a model holds in integers. */
export interface Quantisation {
  /** By id. */
  readonly tensors: ReadonlyMap<string, QuantisedTensor>
  /** Scales and zero points: they say how numbers are stored, and are none of the numbers. */
  readonly scales: ReadonlySet<Tensor>
}

/** The quantised tensors of a model. Reads none of them. What was found is remembered as long as the model is held. Linear in nodes. */
export function quantisationOf(model: Model): Quantisation {
  const memo = remembered.get(model)
  if (memo !== undefined) return memo
  const quantisation = findQuantised(model)
  remembered.set(model, quantisation)
  return quantisation
}

const remembered = new WeakMap<Model, Quantisation>()

function findQuantised(model: Model): Quantisation {
  const tensors = new Map<string, QuantisedTensor>()
  const scales = new Set<Tensor>()
  // Only products of integers are followed to what stands behind them.
  let memo: Uses | undefined
  const uses = () => {
    memo ??= usesOf(model.graph)
    return memo
  }
  visitNodes(model, (node, scope) => {
    const at = (input: number | undefined) => (input === undefined ? undefined : scope.constant(node.inputs[input] ?? ''))
    for (const tensor of scalesOf(node, (input) => at(input)?.tensor)) scales.add(tensor)
    for (const operand of codedOperands(node, (input) => at(input)?.tensor)) {
      const constant = at(operand.input)
      if (constant === undefined || isFloat(constant.tensor.type)) continue
      const reading = { node, operand, stored: constant.tensor, at: (input: number | undefined) => at(input)?.tensor }
      const coding = codingOf(reading, scope.path === '' ? uses : undefined)
      if (coding === undefined) continue
      if (coding.scale !== undefined) scales.add(coding.scale.tensor)
      const before = tensors.get(constant.id)
      if (before === undefined) tensors.set(constant.id, quantised(constant.id, coding, reading))
      else if (!isAlike(before, reading)) tensors.set(constant.id, { ...before, unmaskable: 'it is read with two zero points' })
    }
  })
  return { tensors, scales }
}

interface Reading {
  readonly node: Node
  readonly operand: CodedOperand
  readonly stored: Tensor
  readonly at: (input: number | undefined) => Tensor | undefined
}

const zeroPoints = new WeakMap<QuantisedTensor, Tensor | undefined>()

function isAlike(before: QuantisedTensor, { operand, at }: Reading): boolean {
  return zeroPoints.get(before) === at(operand.zero)
}

function quantised(id: string, coding: Coding, { node, operand, stored, at }: Reading): QuantisedTensor {
  const { name } = stored
  const form = operatorName(node).endsWith('DequantizeLinear') ? 'behind' : 'of'
  const zero = at(operand.zero)
  const tensor = {
    id,
    stored,
    values: makeTensor({ name, type: 'float32', shape: coding.shape, data: decodedPayload(coding) }),
    type: coding.type,
    form: `${coding.type} ${form} ${node.op} '${node.name || keyOf(node)}'`,
    masked: (values: Payload) => maskedCodes(coding, values),
    ...(zero !== undefined && isFloat(zero.type) && { unmaskable: `its zero point is no code, but ${zero.type}` }),
  }
  zeroPoints.set(tensor, zero)
  return tensor
}

/** Undefined where what the codes stand for does not follow from the model, or they are no integers of 2 to 32 bits. */
function codingOf({ node, operand, stored, at }: Reading, uses: (() => Uses) | undefined): Coding | undefined {
  const type = operand.packedBits === undefined ? stored.type : packedType(operand.packedBits)
  if (type === undefined || !(INTEGERS.has(type) || isFloat8(type))) return undefined
  const shape = operand.shape ?? stored.shape
  const [scale, zero] = [at(operand.scale), at(operand.zero)]
  const isLeftOut = (input: number | undefined) => input === undefined || (node.inputs[input] ?? '') === ''
  // A scale or zero point that is there and no constant is computed: nothing is known of the numbers.
  if ((scale === undefined && !isLeftOut(operand.scale)) || (zero === undefined && !isLeftOut(operand.zero))) return undefined
  const place = { shape, axis: operand.axis < 0 ? operand.axis + shape.length : operand.axis, block: operand.block ?? 0 }
  const scaling = scale === undefined ? parameterBehind(node, place, uses) : parameterOf(scale, place, operand)
  const origin = zero && parameterOf(zero, place, operand)
  if (scaling === 'unknown' || origin === 'unknown') return undefined
  const stride = operand.packedBits === undefined ? undefined : strideOf(stored, { type, shape })
  if (stride === 'unknown') return undefined
  return {
    codes: stored,
    type,
    shape,
    origin: operand.origin ?? 0,
    ...(stride !== undefined && { stride }),
    ...(scaling !== undefined && { scale: scaling }),
    ...(origin !== undefined && { zero: origin }),
  }
}

const INTEGERS: ReadonlySet<DataType> = new Set<DataType>([
  ...(['int8', 'uint8', 'int4', 'uint4', 'int2', 'uint2', 'int16', 'uint16', 'int32'] as const),
])

const packedType = (bits: number): DataType | undefined => ({ 2: 'uint2', 4: 'uint4', 8: 'uint8' })[bits] as DataType | undefined

/** Codes from one row to the next where rows are padded to whole blocks; undefined where they are not. */
function strideOf(stored: Tensor, { type, shape }: Pick<Coding, 'type' | 'shape'>): number | undefined | 'unknown' {
  const elements = elementCount(shape)
  const row = shape.at(-1) ?? 1
  const stride = (stored.data.byteLength * 8 * row) / (bitsOf(type) * elements)
  if (stride === row) return undefined
  return Number.isInteger(stride) && stride > row ? stride : 'unknown'
}

interface Place {
  readonly shape: readonly number[]
  readonly axis: number
  readonly block: number
}

/** 'unknown' where there are more or fewer numbers than the axis has positions or blocks. */
function parameterOf(
  tensor: Tensor,
  { shape, axis, block }: Place,
  { packedBits }: Pick<CodedOperand, 'packedBits'>,
): Parameter | 'unknown' {
  const { type } = tensor
  const count = elementCount(tensor.shape)
  if (count === 1 && !(block > 0)) return { tensor, type, grid: forAll(shape) }
  if (shape[axis] === undefined) return 'unknown'
  const grid = alongAxis(shape, axis, block)
  const expected = block > 0 ? (elementCount(shape) / grid.size) * grid.blocks : grid.size
  if (packedBits !== undefined && isPacked(tensor, expected)) {
    const perByte = 8 / packedBits
    const blocks = Math.ceil(grid.blocks / perByte) * perByte
    const packed = { tensor, type: packedType(packedBits)!, grid: { ...grid, blocks } }
    return count === (expected / grid.blocks) * (blocks / perByte) ? packed : 'unknown'
  }
  return count === expected ? { tensor, type, grid } : 'unknown'
}

function parameterBehind(node: Node, place: Place, uses: (() => Uses) | undefined): Parameter | undefined {
  const tensor = scaleBehind(node, uses)
  const parameter = tensor && parameterOf(tensor, place, {})
  return parameter === 'unknown' ? undefined : parameter
}

/**
 * The scale of the weight of a product of integers, which stands behind it: y = Cast(product) · (scale of the input · scale of the weight). Undefined where
 * it does not look like that: then the codes are taken as they are.
 */
function scaleBehind(node: Node, usesOfGraph: (() => Uses) | undefined): Tensor | undefined {
  if (usesOfGraph === undefined || !(node.op === 'MatMulInteger' || node.op === 'ConvInteger')) return undefined
  const uses = usesOfGraph()
  const [cast, ...others] = uses.consumers.get(node.outputs[0]!) ?? []
  if (cast?.op !== 'Cast' || others.length > 0) return undefined
  const [mul] = uses.consumers.get(cast.outputs[0]!) ?? []
  if (mul?.op !== 'Mul') return undefined
  const factor = mul.inputs.find((name) => name !== cast.outputs[0]) ?? ''
  const own = uses.constants.get(factor)
  if (own !== undefined) return own
  const product = uses.producers.get(factor)
  return product?.op === 'Mul'
    ? product.inputs.map((name) => uses.constants.get(name)).find((each) => each !== undefined)
    : undefined
}

/** Inputs of these operators that are scales and zero points. */
const SCALES: ReadonlyMap<string, readonly number[]> = new Map([
  ['QuantizeLinear', [1, 2]],
  ['DequantizeLinear', [1, 2]],
  ['com.microsoft.QuantizeLinear', [1, 2]],
  ['com.microsoft.DequantizeLinear', [1, 2]],
  ['QLinearConv', [1, 2, 4, 5, 6, 7]],
  ['QLinearMatMul', [1, 2, 4, 5, 6, 7]],
  ['ConvInteger', [2, 3]],
  ['MatMulInteger', [2, 3]],
  ['com.microsoft.QGemm', [1, 2, 4, 5, 7, 8]],
  ['com.microsoft.DynamicQuantizeMatMul', [2, 3]],
  ['com.microsoft.MatMulIntegerToFloat', [2, 3, 4, 5]],
  ['com.microsoft.QAttention', [3, 4, 6, 7]],
  ['com.microsoft.DynamicQuantizeLSTM', [8, 9, 10, 11]],
  ['com.microsoft.MatMulNBits', [2, 3]],
  ['com.microsoft.GatherBlockQuantized', [2, 3]],
  ['com.microsoft.QMoE', [3, 6, 9]],
  ['com.microsoft.QLinearAdd', [1, 2, 4, 5, 6, 7]],
  ['com.microsoft.QLinearMul', [1, 2, 4, 5, 6, 7]],
])

function scalesOf(node: Node, stored: (input: number) => Tensor | undefined): readonly Tensor[] {
  return (SCALES.get(operatorName(node)) ?? []).flatMap((input) => stored(input) ?? [])
}

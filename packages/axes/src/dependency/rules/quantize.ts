import { elementCount } from '@pare/onnx'
import { type Axis, atom, productOf } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'
import { joined } from './arrange.js'
import { each, fromFront, tieAll, tieBroadcast } from './broadcast.js'
import { convolution } from './convolution.js'
import { gemm, multiply } from './matrix.js'

/** Operators between floats and integers, and those that compute with integers. */
export const quantize: readonly [string, AxisRule][] = [
  ...each('QuantizeLinear DequantizeLinear com.microsoft.QuantizeLinear com.microsoft.DequantizeLinear', linear),
  ['DynamicQuantizeLinear', dynamic],
  ['ConvInteger', convolution({ x: 0, w: 1, zero: 2, perOutput: [3] })],
  ['QLinearConv', convolution({ x: 0, w: 3, bias: 8, zero: 2, perOutput: [4, 5] })],
  ['MatMulInteger', product({ a: 0, b: 1, zeros: [2, 3], perColumn: [3] })],
  ['QLinearMatMul', product({ a: 0, b: 3, zeros: [2, 5], perColumn: [4, 5] })],
  ['com.microsoft.MatMulIntegerToFloat', product({ a: 0, b: 1, zeros: [4, 5], perColumn: [3, 5, 6] })],
  ['com.microsoft.DynamicQuantizeMatMul', product({ a: 0, b: 1, perColumn: [2, 3, 4] })],
  ['com.microsoft.QGemm', qGemm],
  ['com.microsoft.MatMulNBits', matMulNBits],
  ...each('com.microsoft.QLinearAdd com.microsoft.QLinearMul', elementwise([0, 3])),
  ['com.microsoft.QLinearWhere', elementwise([0, 1, 4])],
  ...each('com.microsoft.QLinearSigmoid com.microsoft.QLinearLeakyRelu', elementwise([0])),
  ['com.microsoft.QLinearSoftmax', softmax],
  ...each('com.microsoft.QLinearAveragePool com.microsoft.QLinearGlobalAveragePool', pool),
  ['com.microsoft.QLinearConcat', concat],
]

/** One scale for all, one for each position of an axis, or one for each block of positions of it: then scale and zero point go with it. */
function linear(site: AxisSite): void {
  const [x, scale, zero, out] = [site.input(0), site.input(1), site.input(2), site.output(0)]
  if (x === undefined || scale === undefined || out === undefined) return
  const at = fromFront(site.int('axis', 1), x.length)
  const block = site.int('block_size', 0)
  if (block > 0) return blocked(site, at, block)
  if (scale.length > 1) return
  const isPerAxis = scale.length === 1 && (scale[0]!.size > 1 || x[at]?.size === 1)
  if (isPerAxis && x[at]?.size !== scale[0]!.size) return
  tieAll(site, x, out)
  if (!isPerAxis) return
  site.tie(scale[0], out[at])
  site.tie(zero?.[0], out[at])
}

/** The axis is blocks × positions of a block, and only whole blocks may go. */
function blocked(site: AxisSite, at: number, block: number): void {
  const [x, scale, zero, out] = [site.input(0)!, site.input(1)!, site.input(2), site.output(0)!]
  if (scale.length !== x.length || x[at]?.size !== scale[at]!.size * block) return
  tieAll(site, x, out)
  for (const axes of [scale, zero]) tieAll(site, axes, out, (axis) => axis === at)
  site.tie(zero?.[at], scale[at])
  tieBlocks(site, out[at]!, { blocks: scale[at]!, block })
}

/** The axis is blocks × positions of a block, of which whole blocks may go. */
export function tieBlocks(site: AxisSite, axis: Axis, { blocks, block }: { blocks: Axis; block: number }): void {
  site.tie(axis, productOf([blocks, atom(block, `${site.node.op} '${site.name}' has scales of blocks of ${block} along it`)]))
  site.free(blocks)
}

/** Looks for the largest of all values, and of 0: a value that is 0 is as good as gone. */
function dynamic(site: AxisSite): void {
  tieAll(site, site.input(0), site.output(0))
  for (const axis of site.input(0)?.keys() ?? []) site.contract(0, axis)
}

interface Product {
  readonly a: number
  readonly b: number
  /** Where the operands are codes: inputs with the zero points of a and b. */
  readonly zeros?: readonly [a: number, b: number]
  /** Inputs that may hold a number for each column of b. */
  readonly perColumn: readonly number[]
}

function product({ perColumn, ...operands }: Product): AxisRule {
  return (site) => {
    multiply(site, operands)
    tieVectors(site, perColumn, site.output(0)?.at(-1))
  }
}

function qGemm(site: AxisSite): void {
  gemm(site, { a: 0, b: 3, c: 6, zero: 2 })
  tieVectors(site, [4, 5], site.output(0)?.[1])
}

/** Vectors go with an axis where they hold a number for each of its positions. */
function tieVectors(site: AxisSite, inputs: readonly number[], axis: Axis | undefined): void {
  for (const input of inputs) {
    const vector = site.input(input)
    if (vector?.length === 1 && vector[0]!.size === axis?.size) site.tie(vector[0], axis)
  }
}

/** W is stored as u8[N, blocks, bytes of a block]: outputs may go, and whole blocks of inputs where they fill the axis and have zero points of their own. */
function matMulNBits(site: AxisSite): void {
  const [x, w, scales, zeros, order, bias, out] = [0, 1, 2, 3, 4, 5].map((input) => site.input(input)).concat([site.output(0)])
  if (x === undefined || w?.length !== 3 || scales === undefined || out === undefined || order !== undefined) return
  const [block, k] = [site.int('block_size', 0), x.at(-1)!]
  const [outputs, blocks] = [w[0]!, w[1]!]
  tieAll(site, x.slice(0, -1), out.slice(0, -1))
  site.tie(outputs, out.at(-1))
  site.tie(bias?.[0], out.at(-1))
  site.contract(0, x.length - 1)
  site.role('matmul-in', k)
  site.role('matmul-out', out.at(-1))
  const count = outputs.size * blocks.size
  const isShared = zeros !== undefined && elementCount(zeros.map(({ size }) => size)) !== count
  const inner = isShared ? atom(blocks.size, `${site.node.op} '${site.name}' has zero points that share bytes along it`) : blocks
  tieTable(site, scales, [outputs, inner])
  if (zeros !== undefined) tieTable(site, zeros, [outputs, isShared ? atom(perRow(zeros, outputs), HELD) : inner])
  if (k.size === blocks.size * block) tieBlocks(site, k, { blocks: inner, block })
  else
    site.tie(k, atom(k.size, `${site.node.op} '${site.name}' sums over ${k.size} inputs, no multiple of its blocks of ${block}`))
  if (inner !== blocks) site.tie(blocks, inner)
}

const HELD = 'its numbers share bytes'

function perRow(axes: readonly Axis[], rows: Axis): number {
  return elementCount(axes.map(({ size }) => size)) / rows.size
}

/** A matrix, also where it is stored as one list. */
function tieTable(site: AxisSite, stored: readonly Axis[], matrix: readonly [Axis, Axis]): void {
  if (stored.length === 1) site.tie(stored[0], productOf(matrix))
  else tieAll(site, stored, matrix)
  site.free(...matrix)
}

/** Operands at these inputs, scales and zero points between them. */
function elementwise(inputs: readonly number[]): AxisRule {
  return (site) => {
    const out = site.output(0) ?? []
    const operands = inputs.flatMap((input) => [site.input(input) ?? []])
    for (const operand of operands) tieBroadcast(site, operand, out)
    site.free(...out, ...operands.flat())
  }
}

function softmax(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined) return
  const at = fromFront(site.int('axis', -1), x.length)
  const isOld = site.int('opset', 13) < 13
  tieAll(site, x, out, (axis) => (isOld ? axis >= at : axis === at))
}

/** Channels pass where they stand in front of the positions. */
function pool(site: AxisSite): void {
  if (site.int('channels_last', 0) === 1) return
  tieAll(site, site.input(0), site.output(0), (axis) => axis > 1)
}

/** Scale and zero point of the output, then each operand with its own. */
function concat(site: AxisSite): void {
  const operands = [...site.node.inputs.keys()].filter((input) => input % 3 === 2)
  joined(site, operands)
}

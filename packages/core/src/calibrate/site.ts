import { einsumProduct } from '@pare/axes'
import { attributesOf, elementCount, type Node, operatorName } from '@pare/onnx'
import type { Statistic, Weight, WeightUse } from '../contract/contract.js'

/** Where the numbers that one weight meets stand in the graph. */
export interface StatisticSite {
  /** The value that is measured. */
  readonly value: string
  /** The axes whose positions are told apart together, the outermost first, counted from the end where they are negative. */
  readonly axes: readonly number[]
  /** Set for a convolution: each position of the kernel is told apart too. */
  readonly patches?: Patches
  /** Set for a stack of matrices: how many there are along each of the first of `axes`. What all of them meet alike is met by each. */
  readonly stack?: readonly number[]
}

/** How many matrices share the positions of a site evenly, in order, each with sums of its own. */
export function groupsOf({ patches, stack }: StatisticSite): number {
  return patches?.groups ?? elementCount(stack ?? [])
}

/** How a convolution looks at its input. */
export interface Patches {
  /** [in ÷ groups, …kernel] */
  readonly kernel: readonly number[]
  readonly groups: number
  readonly node: Node
}

/** What is multiplied with a weight where it is used, or why that is not measured. */
export function inputSite({ tensor: { shape } }: Weight, { node, input, floats, gather }: WeightUse): StatisticSite | string {
  if (gather !== undefined) return taken(gather)
  const [first = '', second = ''] = node.inputs
  const isSecond = input === 1
  switch (operatorName(node)) {
    case 'MatMul':
      return isSecond ? stacked(first, shape, -1) : stacked(second, shape, -2)
    case 'com.microsoft.FusedMatMul':
    case 'com.microsoft.FusedGemm':
    case 'Gemm':
      if (shape.length > 2 || flag(node, 'transBatchA') || flag(node, 'transBatchB')) return multiplied(node)
      return isSecond
        ? { value: first, axes: [flag(node, 'transA') ? -2 : -1] }
        : { value: second, axes: [flag(node, 'transB') ? -1 : -2] }
    case 'com.microsoft.Attention':
    case 'com.microsoft.DynamicQuantizeMatMul':
    case 'com.microsoft.MatMulNBits':
      return { value: first, axes: [-1] }
    case 'Einsum': {
      const product = einsumProduct(node, input)
      if (product === undefined) return multiplied(node)
      const stack = product.shared === undefined ? {} : { stack: shape.slice(0, product.shared.met.length) }
      return { value: node.inputs[product.other]!, axes: [...(product.shared?.met ?? []), ...product.inner], ...stack }
    }
    case 'ConvTranspose':
      return { value: first, axes: [1] }
    case 'Conv':
    case 'com.microsoft.FusedConv':
      return windows(first, { node, shape })
    case 'ConvInteger':
    case 'QLinearConv':
      return floats === undefined ? ofIntegers(node) : windows(floats, { node, shape })
    case 'MatMulInteger':
    case 'QLinearMatMul':
    case 'com.microsoft.MatMulIntegerToFloat':
    case 'com.microsoft.QGemm':
      if (floats === undefined || input === 0 || attributesOf(node).int('transA', 0) === 1) return ofIntegers(node)
      return { value: floats, axes: [-1] }
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      // Of two directions and two inputs it could not be told which the two numbers are of.
      return input === 1 && !(shape[0] === 2 && shape[2] === 2) ? { value: first, axes: [-1] } : multiplied(node)
    default:
      return multiplied(node)
  }
}

/** What matrices meet along an axis of a value, the last axes but two telling them apart. */
function stacked(value: string, shape: readonly number[], axis: number): StatisticSite {
  const stack = shape.slice(0, -2)
  return stack.length === 0 ? { value, axes: [axis] } : { value, axes: [...stackAxes(shape), axis], stack }
}

const stackAxes = (shape: readonly number[]) => shape.slice(0, -2).map((_, i) => i - shape.length)

const taken = (gather: string) => `${gather} takes some of it for each token, and what each meets is not measured`

const multiplied = (node: Node) => `what ${operatorName(node)} multiplies it with is not measured`

/** Whether a weight meets what nobody outside sees: the states of a recurrent layer, what a router sends to an expert, or where the weight itself is taken for each token. */
export function isWithinLayer(weight: Weight, needs: Readonly<Record<string, Statistic>>): boolean {
  const isUnseen = (use: WeightUse, { at }: Statistic) =>
    typeof (at === 'input' ? inputSite(weight, use) : outputSite(weight, use)) === 'string'
  return weight.uses.every(
    (use) =>
      (use.gather !== undefined || CLOSED.has(operatorName(use.node))) &&
      Object.values(needs).some((statistic) => isUnseen(use, statistic)),
  )
}

const CLOSED: ReadonlySet<string> = new Set(['LSTM', 'GRU', 'RNN', 'com.microsoft.MoE'])

const ofIntegers = (node: Node) => `${operatorName(node)} multiplies it with integers, and only floats are measured`

/** What a convolution meets: single positions, or each position of its kernel. */
function windows(value: string, { node, shape }: { readonly node: Node; readonly shape: readonly number[] }): StatisticSite {
  const [, ...kernel] = shape
  const groups = attributesOf(node).int('group', 1)
  const isPoint = kernel.slice(1).every((size) => size === 1) && all(node, 'strides', 1) && all(node, 'pads', 0)
  return isPoint && groups === 1 ? { value, axes: [1] } : { value, axes: [1], patches: { kernel, groups, node } }
}

/** What comes out where the weight is used, or why that is not measured. */
export function outputSite({ tensor: { shape } }: Weight, { node, input, gather }: WeightUse): StatisticSite | string {
  if (gather !== undefined) return taken(gather)
  const value = node.outputs[0]!
  switch (operatorName(node)) {
    case 'MatMul':
      return { value, axes: [...stackAxes(shape), input === 1 ? -1 : -2] }
    case 'com.microsoft.FusedMatMul':
    case 'com.microsoft.FusedGemm':
    case 'Gemm':
      return { value, axes: [input === 1 ? -1 : -2] }
    case 'com.microsoft.DynamicQuantizeMatMul':
    case 'com.microsoft.MatMulNBits':
      return { value, axes: [-1] }
    case 'Einsum': {
      const product = einsumProduct(node, input)
      return product === undefined
        ? `what Einsum makes of it is not measured`
        : { value, axes: [...(product.shared?.made ?? []), ...product.outer] }
    }
    case 'Conv':
    case 'ConvTranspose':
      return { value, axes: [1] }
    default:
      return `what ${operatorName(node)} makes of it is not measured`
  }
}

/** Sites that are the same are measured once: the key tells them apart. */
export function siteKey({ value, axes, patches, stack }: StatisticSite): string {
  if (patches === undefined) return `${value} ${axes.join()}${stack === undefined ? '' : ` of ${stack.join()}`}`
  const { ints, string } = attributesOf(patches.node)
  const geometry = GEOMETRY.map((name) => ints(name)?.join() ?? string(name, ''))
  return [value, patches.kernel, patches.groups, ...geometry].join(' ')
}

/** Attributes that say which positions of its input a kernel meets. */
export const GEOMETRY = ['strides', 'pads', 'dilations', 'auto_pad']

const flag = (node: Node, name: string) => attributesOf(node).int(name) === 1

function all(node: Node, name: string, value: number): boolean {
  return attributesOf(node)
    .ints(name, [])
    .every((each) => each === value)
}

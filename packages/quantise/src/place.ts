import { attributesOf, type Node, operatorName, type Tensor, type Use, type Uses } from '@pare/onnx'

/** Where a weight is read, as it is or turned over. */
export interface Place extends Use {
  /** Whether a Transpose of the weight alone stands between. Default: false */
  readonly isTurned?: boolean
}

/** Where a weight is read: by products behind a Transpose of it, too, as heads that share the table of tokens do. */
export function placesOf(id: string, uses: Uses): readonly Place[] {
  return uses.of(id).flatMap((use): readonly Place[] => {
    const value = use.node.outputs[0] ?? ''
    const readers = operatorName(use.node) === 'Transpose' && !uses.outputs.has(value) ? uses.of(value) : []
    const isSeen = readers.length > 0 && readers.length === uses.consumers.get(value)?.length && readers.every(isRight)
    return isSeen ? readers.map((reader) => ({ ...reader, isTurned: true })) : [use]
  })
}

function isRight({ node, input }: Use): boolean {
  return input === 1 && operatorName(node) === 'MatMul'
}

/** Whether it is the right side of a product whose inputs are summed over one axis of it. */
export function isProduct({ node, input }: Use, { shape }: Tensor): boolean {
  if (input !== 1 || shape.length !== 2) return false
  const op = operatorName(node)
  if (op === 'MatMul') return true
  const { alpha, beta, transA } = gemmOf(node)
  return op === 'Gemm' && alpha === 1 && (beta === 1 || (node.inputs[2] ?? '') === '') && transA === 0
}

function gemmOf(node: Node): { alpha: number; beta: number; transA: number; transB: number } {
  const attributes = attributesOf(node)
  return {
    alpha: attributes.float('alpha', 1),
    beta: attributes.float('beta', 1),
    transA: attributes.int('transA', 0),
    transB: attributes.int('transB', 0),
  }
}

/** The axis of a weight along which its output units lie: each gets a scale of its own. Undefined: not known. */
export function unitAxis({ node, input, isTurned = false }: Place, { shape }: Tensor): number | undefined {
  // A matrix, whose axes a Transpose exchanges.
  if (isTurned) return shape.length === 2 ? 0 : undefined
  switch (operatorName(node)) {
    case 'MatMul':
      return input === 1 ? shape.length - 1 : shape.length - 2
    case 'Gemm':
      return gemmOf(node)[input === 1 ? 'transB' : 'transA'] === (input === 1 ? 1 : 0) ? 0 : 1
    case 'Conv':
    case 'com.microsoft.FusedConv':
      return input === 1 ? 0 : undefined
    case 'ConvTranspose':
      return input === 1 ? 1 : undefined
    case 'Gather':
      return input === 0 && attributesOf(node).int('axis', 0) === 0 ? 0 : undefined
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return input === 1 || input === 2 ? 1 : undefined
    case 'com.microsoft.Attention':
      return input === 1 ? 1 : undefined
    default:
      return undefined
  }
}

/** What a reader finds a node by. */
export function nameOf(node: Node): string {
  return node.name || node.outputs.find((name) => name !== '') || node.op
}

import { elementCount, operatorName } from '@pare/onnx'
import type { Weight } from '../contract/contract.js'

/** A weight in storage order as [outer, channels, inner]: `channels` are what it sums over, without the positions of a kernel. */
export interface Channels {
  readonly outer: number
  readonly channels: number
  readonly inner: number
}

/**
 * Where the input channels of a weight lie. MatMul [in, out]: [1, in, out]. Gemm with transB [out, in]: [out, in, 1]. Conv [out, in, kH, kW]:
 * [out, in, kH · kW], in being the channels of one group. ConvTranspose [in, out, kH, kW]: [groups, in of one group, out · kH · kW].
 */
export function channelsOf({ tensor, uses, rows }: Pick<Weight, 'tensor' | 'uses' | 'rows'>): Channels {
  const kernel = isConvolution(operatorName(uses[0]!.node)) ? elementCount(tensor.shape.slice(2)) : 1
  const { batch, before, out, after } = rows
  if (before > 1) return { outer: batch, channels: before, inner: out * after }
  return { outer: batch * out, channels: after / kernel, inner: kernel }
}

function isConvolution(operator: string): boolean {
  return operator.endsWith('Conv') || operator.endsWith('ConvTranspose')
}

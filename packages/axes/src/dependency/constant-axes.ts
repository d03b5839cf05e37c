import type { Node, Tensor } from '@pare/onnx'
import type { Axis } from './axis.js'

/**
 * A constant as some nodes read it. Exporters store equal vectors once (biases that are all zero, say): that ties nothing together, since each
 * reader can have a vector of its own. A matrix that several nodes read is one matrix.
 */
export interface ConstantAxes {
  readonly id: string
  readonly tensor: Tensor
  readonly axes: readonly Axis[]
  readonly readers: Reader[]
}

export interface Reader {
  readonly node: Node
  readonly input: number
}

import type { Attributes, Node } from '@pare/onnx'
import { isOnHost, type LazyArray } from '../../arrays/element.js'
import { numbersOf } from '../../arrays/host.js'
import type { Recording } from '../../arrays/recording.js'

/** A node, with what it reads, as it is recorded. */
export interface RecordedCall {
  readonly node: Node
  readonly recording: Recording
  readonly opset: number
  readonly attributes: Attributes
  /** Undefined where the node leaves an input out. */
  readonly inputs: readonly (LazyArray | undefined)[]
}

/** Records what a node computes. Throws UnsupportedCall where it cannot. */
export type Operator = (call: RecordedCall) => LazyArray | readonly LazyArray[]

/** Something that kernels of ours do not do; the node runs elsewhere. */
export class UnsupportedCall extends Error {
  /** What would have to be known to this process, where that is the reason. */
  readonly needs: LazyArray | undefined

  constructor(reason: string, needs?: LazyArray) {
    super(reason)
    this.name = 'UnsupportedCall'
    this.needs = needs
  }
}

export function input({ inputs, node }: RecordedCall, index: number): LazyArray {
  const array = inputs[index]
  if (array === undefined) throw new UnsupportedCall(`${node.op} leaves out its input ${index}`)
  return array
}

/** Numbers that decide a shape: they must be known before anything runs. */
export function numbersIn(array: LazyArray): number[] {
  if (!isOnHost(array.element)) throw new UnsupportedCall('a shape depends on values that only the device knows', array)
  return Array.from(numbersOf(array))
}

/** Numbers of an input, or where older versions of an operator have them, of an attribute. Undefined where there is neither. */
export function numbersAt(call: RecordedCall, index: number, attribute?: string): readonly number[] | undefined {
  const array = call.inputs[index]
  if (array !== undefined) return numbersIn(array)
  return attribute === undefined ? undefined : call.attributes.ints(attribute)
}

export function axisOf(axis: number, rank: number): number {
  if (axis < -rank || axis >= Math.max(rank, 1)) throw new UnsupportedCall(`axis ${axis} of ${rank}`)
  return axis < 0 ? axis + rank : axis
}

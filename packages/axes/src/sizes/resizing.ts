import type { DataType, Node } from '@pare/onnx'
import type { Removals } from '../cut/remaining.js'
import type { Axis } from '../dependency/axis.js'
import type { AxesRead } from './sizes-read.js'

/** A size that is computed at run time, and of which a share is left: so many of each `before`. */
export interface Share {
  readonly now: number
  readonly before: number
}

/** A size in place of one that an input holds; undefined: as the input holds it. */
export type NewSize = number | Share | undefined

/** A node and its axes, when something is cut. */
export interface Resizing {
  readonly node: Node
  /** Version of the operator set of the node's domain. */
  readonly opset: number
  readonly removals: Removals
  input(index: number): readonly Axis[] | undefined
  output(index: number): readonly Axis[] | undefined
  /** Elements of a small integer input. */
  value(index: number): readonly number[] | undefined
  /** Elements of a small integer input, each undefined where it is not the same whatever the sizes of the inputs. */
  elements(index: number): readonly (number | undefined)[] | undefined
  /** Whether the size of an output's axis follows from the model alone. */
  isFixed(output: number, axis: number): boolean
  /** For each element of an input the axes whose sizes it is computed from at run time. [] where there are none. */
  sizesRead(index: number): AxesRead
  /** The axis of which the numbers in an input are positions. */
  positions(index: number): Axis | undefined
  /** Of the elements of an input that are known. Default: int64 */
  typeOf(index: number): DataType
  /** Makes a constant and returns its name. Default: int64, of one axis */
  constant(numbers: readonly number[], as?: { readonly shape?: readonly number[]; readonly type?: DataType }): string
  /** Makes sizes in place of those an input holds, and returns their name. */
  sizes(input: number, sizes: readonly NewSize[]): string
}

/** What is known of a node before anything is removed. */
export type ResizeSite = Omit<Resizing, 'removals' | 'constant' | 'positions' | 'typeOf' | 'sizes'>

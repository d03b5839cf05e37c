import type { Attributes } from '../../graph/attributes.js'
import type { DataType, Node } from '../../model.js'

/** What is known of a value. */
export interface Fact {
  readonly shape?: readonly number[] | undefined
  /** Its elements, row-major, where they are few and known. 64-bit integers are rounded to doubles. */
  readonly value?: InferenceFacts | undefined
}

export interface InferenceFacts {
  readonly type: DataType
  readonly numbers: readonly number[]
}

/** More elements than these are not computed with: sizes, axes and scales are few. */
export const MOST_ELEMENTS = 4096

export type Branch = 'then' | 'else'

/** A node as its rule sees it. */
export interface OperatorCall extends Pick<Attributes, 'int' | 'ints' | 'float' | 'floats' | 'string'> {
  readonly node: Node
  /** Version of the operator set of the node's domain. */
  readonly opset: number
  /** Undefined: not known, or the input is left out. */
  shape(input: number): readonly number[] | undefined
  value(input: number): InferenceFacts | undefined
  /** True where the input is given, known or not. */
  has(input: number): boolean
  /** The tensor of an attribute. */
  tensor(attribute: string): Fact | undefined
  /** Which branch of an If is taken where its condition is not known. Undefined: what both agree on. */
  readonly branch: Branch | undefined
  /** How many there are of what data decide, at most `most`, where that follows. Undefined: that is not known. */
  count(most?: number): number | undefined
  /** Infers the graph of an attribute; its outputs. */
  graph(attribute: string): Facts
}

/** One entry an output; undefined or missing: not known. */
export type Facts = readonly (Fact | undefined)[]

/** What an operator's outputs are, from what is known of its inputs. [] where that is too little: a rule never guesses. */
export type ShapeRule = (call: OperatorCall) => Facts

export type ShapeRules = Readonly<Record<string, ShapeRule>>

/** One output of this shape. */
export function shaped(shape: readonly number[] | undefined): Facts {
  return shape?.every((size) => Number.isSafeInteger(size) && size >= 0) ? [{ shape }] : []
}

/** Enters one rule under several names. */
export function each(names: string, rule: ShapeRule): ShapeRules {
  return Object.fromEntries(names.split(/\s+/).map((name) => [name, rule]))
}

/** `axis` counted from the front; undefined when there is no such axis. */
export function axisOf(axis: number, rank: number): number | undefined {
  const positive = axis < 0 ? axis + rank : axis
  return Number.isInteger(positive) && positive >= 0 && positive < rank ? positive : undefined
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1)
}

/** The shape of both after broadcasting; undefined where they do not fit. */
export function broadcast(left: readonly number[], right: readonly number[]): readonly number[] | undefined {
  const rank = Math.max(left.length, right.length)
  const shape: number[] = []
  for (let axis = 0; axis < rank; axis++) {
    const a = left[axis - rank + left.length] ?? 1
    const b = right[axis - rank + right.length] ?? 1
    if (a !== b && a !== 1 && b !== 1) return undefined
    shape.push(a === 1 ? b : a)
  }
  return shape
}

/** List given as an attribute in old versions and as an input since; undefined: not known. `otherwise`: neither is given. */
export function listed(
  call: OperatorCall,
  attribute: string,
  input: number,
  otherwise?: readonly number[],
): readonly number[] | undefined {
  const list = call.ints(attribute)
  if (list !== undefined) return list
  return call.has(input) ? call.value(input)?.numbers : otherwise
}

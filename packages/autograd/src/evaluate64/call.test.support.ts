import type { Node, Tensor } from '@pare/onnx'
import type { Array64 } from './array.test.support.js'

/** A node with the values of its inputs. */
export interface Call {
  readonly node: Node
  /** Version of the operator set of the node's domain. */
  readonly opset: number
  /** Undefined: left out. */
  readonly inputs: readonly (Array64 | undefined)[]
  /** Throws where it is left out. */
  input(i: number): Array64
  int(attribute: string, otherwise: number): number
  float(attribute: string, otherwise: number): number
  string(attribute: string, otherwise: string): string
  numbers(attribute: string): readonly number[] | undefined
  tensor(attribute: string): Array64 | undefined
}

/** One value an output. */
export type Operator = (call: Call) => readonly Array64[]

export type Operators = Readonly<Record<string, Operator>>

/** What the evaluator does not do, as opposed to a mistake in a model. */
export class Unsupported extends Error {}

export function callOf(
  node: Node,
  opset: number,
  inputs: readonly (Array64 | undefined)[],
  tensors: ReadonlyMap<Tensor, Array64>,
): Call {
  const attribute = (name: string): unknown => {
    const entry = node.attributes.get(name)
    return entry === undefined || entry.kind === 'other' ? undefined : entry.value
  }
  return {
    node,
    opset,
    inputs,
    input(i) {
      const value = inputs[i]
      if (value === undefined) throw new RangeError(`${node.op} has no input ${i}`)
      return value
    },
    int: (name, otherwise) => Number(attribute(name) ?? otherwise),
    float: (name, otherwise) => Number(attribute(name) ?? otherwise),
    string: (name, otherwise) => String(attribute(name) ?? otherwise),
    numbers: (name) => (attribute(name) as readonly (number | bigint)[] | undefined)?.map(Number),
    tensor: (name) => tensors.get(attribute(name) as Tensor),
  }
}

/** A list that old versions give as an attribute and later ones as an input. */
export function listed(call: Call, attribute: string, input: number): readonly number[] | undefined {
  const value = call.inputs[input]
  return call.numbers(attribute) ?? (value === undefined ? undefined : [...value.data])
}

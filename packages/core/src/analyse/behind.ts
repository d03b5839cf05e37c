import { elementCount, type Node, type Scope, type Tensor } from '@pare/onnx'

/** A stored tensor that a weight is computed from, and the node that is nearest to the operator. */
export interface Behind {
  readonly id: string
  readonly tensor: Tensor
  readonly node: Node
}

/** Deeper chains of constants are not followed. */
const DEEPEST = 32

/**
 * The largest stored tensor that a value is computed from, where it is computed from constants alone: a weight that is normalised, dequantised or
 * merged in the graph. Undefined for constants themselves, and for what depends on inputs.
 */
export function behindNodes(name: string, scope: Scope): Behind | undefined {
  const node = scope.producer(name)
  if (node === undefined || scope.constant(name) !== undefined) return undefined
  const sources = constantsOf(name, scope, DEEPEST)
  const largest = sources?.reduce((a, b) => (elementCount(b.tensor.shape) > elementCount(a.tensor.shape) ? b : a))
  return largest && { ...largest, node }
}

/** All constants that a value is computed from; undefined where anything else is among them. */
function constantsOf(
  name: string,
  scope: Scope,
  depth: number,
): readonly { readonly id: string; readonly tensor: Tensor }[] | undefined {
  const constant = scope.constant(name)
  if (constant !== undefined) return [constant]
  const node = depth > 0 ? scope.producer(name) : undefined
  const inputs = node?.inputs.filter((input) => input !== '') ?? []
  if (inputs.length === 0) return undefined
  const all = inputs.map((input) => constantsOf(input, scope, depth - 1))
  return all.some((each) => each === undefined) ? undefined : all.flatMap((each) => each!)
}

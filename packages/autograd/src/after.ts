import type { GraphWriter } from '@pare/onnx'

/**
 * The same value, not before another one is there: in its own shape, to which 0 · (is the other's first element NaN) is added. Nothing is copied, and no optimiser can
 * tell that it does not matter. ONNX Runtime runs nodes in an order of its own, and this is the one way to have a say in it.
 */
export function after(emit: GraphWriter, value: string, other: string): string {
  const flat = emit.node('Reshape', [other, emit.ints([-1])])
  const first = emit.node('Slice', [flat, emit.ints([0]), emit.ints([1])])
  const whole = emit.node('Cast', [emit.node('IsNaN', [first])], { to: 7n })
  const nothing = emit.node('Mul', [whole, emit.ints(0)])
  return emit.node('Reshape', [value, emit.node('Add', [emit.node('Shape', [value]), nothing])])
}

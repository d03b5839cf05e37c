import type { Choices, GraphText, Value } from './graph-text.test.support.js'

/** A transformer that is being written: f32[N, S, width]. */
export interface Transformer {
  readonly g: GraphText
  readonly choices: Choices
  readonly width: number
}

/** x · W + b; now and then as Einsum, or flattened to a matrix for Gemm. */
export function linear(t: Transformer, x: Value, out: number): Value {
  const { g, choices } = t
  const inputs = x.shape.at(-1)!
  const shape = [...x.shape.slice(0, -1), out]
  const way = choices.int(0, 9)
  if (way === 0 && x.shape.length === 3) return g.node('Einsum', [x, g.weight([inputs, out])], shape, 'equation = "bti,io->bto"')
  if (way === 1) return g.node('com.microsoft.FusedMatMul', [x, g.weight([out, inputs])], shape, 'transB = 1')
  if (way === 2 && x.shape.length === 3) {
    const flat = g.node('Reshape', [x, g.ints([-1, inputs])], [-1, inputs])
    const made = g.node('Gemm', [flat, g.weight([inputs, out]), g.weight([out])], [-1, out])
    return g.node('Reshape', [made, targetOf(t, x, [0, 1, -out])], shape)
  }
  const made = g.node('MatMul', [x, g.weight([inputs, out])], shape)
  return choices.chance(0.7)
    ? g.node('Add', choices.chance(0.5) ? [made, g.weight([out])] : [g.weight([out]), made], shape)
    : made
}

/** A target for Reshape or Expand: 0 and 1 are the sizes of `x` at these axes, negative ones are constants. */
export function targetOf({ g, choices }: Transformer, x: Value, sizes: readonly number[]): Value {
  const shape = g.node('Shape', [x], [x.shape.length])
  const parts = sizes.map((size) => {
    if (size < 0) return g.ints([-size])
    if (choices.chance(0.5)) return g.node('Gather', [shape, g.ints([size])], [1])
    return g.node('Slice', [shape, g.ints([size]), g.ints([size + 1])], [1])
  })
  return g.node('Concat', parts, [sizes.length], 'axis = 0')
}

/** The same target as a constant with zeros, or computed. `front` holds the first two sizes. */
export function target(t: Transformer, front: Value, rest: readonly number[]): Value {
  const { g, choices } = t
  return choices.chance(0.5)
    ? g.ints([0, choices.pick([0, -1]), ...rest])
    : targetOf(t, front, [0, 1, ...rest.map((size) => -size)])
}

export function splitLast({ g, choices }: Transformer, x: Value, sizes: readonly number[]): Value[] {
  const shapes = sizes.map((size) => [...x.shape.slice(0, -1), size])
  const axis = `axis = ${choices.pick([-1, x.shape.length - 1])}`
  const isEven = sizes.every((size) => size === sizes[0])
  if (isEven && choices.chance(0.4))
    return g.nodes('Split', [x], shapes, g.opset < 18 ? axis : `${axis}, num_outputs = ${sizes.length}`)
  return g.opset < 13
    ? g.nodes('Split', [x], shapes, `${axis}, split = [${sizes}]`)
    : g.nodes('Split', [x, g.ints(sizes)], shapes, axis)
}

export function sliceLast({ g }: Transformer, x: Value, sizes: readonly number[]): Value[] {
  let start = 0
  return sizes.map((size) => {
    const bounds = [g.ints([start]), g.ints([start + size])]
    start += size
    return g.node('Slice', [x, ...bounds, g.ints([x.shape.length - 1])], [...x.shape.slice(0, -1), size])
  })
}

/** Over the last axis, which stays with size 1. */
export function mean({ g }: Transformer, x: Value, shape: readonly number[]): Value {
  return g.opset < 18 ? g.node('ReduceMean', [x], shape, 'axes = [-1]') : g.node('ReduceMean', [x, g.ints([-1])], shape)
}

import type { GraphText, Value } from './graph-text.test.support.js'
import { linear, sliceLast, splitLast, type Transformer, target } from './linear.test.support.js'

interface Heads {
  /** Of queries, and of keys and values. */
  readonly queries: number
  readonly shared: number
  readonly headDim: number
}

export function attention(t: Transformer, x: Value): Value {
  const { g, choices, width } = t
  const shared = choices.int(1, 3)
  const heads: Heads = { shared, queries: shared * choices.pick([1, 1, 2, 3]), headDim: choices.pick([2, 4]) }
  const { queries, headDim } = heads
  const [q, k, v] = projected(t, x, heads)
  const scores = [-1, queries, -1, -1]
  const turned = g.node('Transpose', [k], [-1, k!.shape[1]!, headDim, -1], 'perm = [0, 1, 3, 2]')
  const product = g.node('MatMul', [q, turned], scores)
  const weights = g.node('Softmax', [scaled(t, product, q!)], scores, choices.chance(0.5) || g.opset < 13 ? 'axis = 3' : '')
  const mixed = g.node('MatMul', [weights, v], [-1, queries, -1, headDim])
  const back = g.node('Transpose', [mixed], [-1, -1, queries, headDim], 'perm = [0, 2, 1, 3]')
  const flat = g.node('Reshape', [back, target(t, x, [queries * headDim])], [-1, -1, queries * headDim])
  return linear(t, flat, width)
}

/** By a constant, or by the square root of a size that is read at run time. */
function scaled(t: Transformer, x: Value, q: Value): Value {
  const { g, choices } = t
  const way = choices.int(0, 3)
  if (way === 0) return x
  if (way === 1) return g.node('Mul', [x, g.floats([0.7])], x.shape)
  if (way === 2) return g.node('Add', [x, g.weight([1, x.shape[1]!, 1, 1])], x.shape)
  const size = g.node('Gather', [g.node('Shape', [q], [4]), g.ints([3])], [1])
  return g.node('Div', [x, g.node('Sqrt', [g.node('Cast', [size], [1], 'to = 1')], [1])], x.shape)
}

/** Query, key and value f32[N, heads, S, headDim], from separate or fused weights. */
function projected(t: Transformer, x: Value, heads: Heads): readonly Value[] {
  const { queries, shared, headDim } = heads
  const { choices } = t
  if (queries === shared && choices.chance(0.3)) return stacked(t, x, heads)
  const sizes = [queries, shared, shared].map((count) => count * headDim)
  const [q, k, v] = choices.chance(0.4) ? fused(t, x, sizes) : sizes.map((size) => linear(t, x, size))
  const turned = choices.chance(0.4) ? rotary : (_: Transformer, value: Value) => value
  const isNormalised = choices.chance(0.2)
  const turn = (_: Transformer, value: Value) => turned(t, isNormalised ? withinHeads(t, value) : value)
  return [
    turn(t, headsFirst(t, q!, queries, headDim)),
    repeated(t, turn(t, headsFirst(t, k!, shared, headDim)), heads),
    repeated(t, headsFirst(t, v!, shared, headDim), heads),
  ]
}

function fused(t: Transformer, x: Value, sizes: readonly number[]): readonly Value[] {
  const all = linear(
    t,
    x,
    sizes.reduce((a, b) => a + b),
  )
  return t.choices.chance(0.5) ? splitLast(t, all, sizes) : sliceLast(t, all, sizes)
}

/** One weight for all three, seen as 3 × heads × headDim and picked apart by Gather, or by Split and Squeeze. */
function stacked(t: Transformer, x: Value, { queries, headDim }: Heads): readonly Value[] {
  const { g, choices } = t
  const all = linear(t, x, 3 * queries * headDim)
  const wide = g.node('Reshape', [all, target(t, x, [3, queries, headDim])], [-1, -1, 3, queries, headDim])
  const first = g.node('Transpose', [wide], [3, -1, queries, -1, headDim], 'perm = [2, 0, 3, 1, 4]')
  const shape = [-1, queries, -1, headDim]
  if (choices.chance(0.6)) return [0, 1, 2].map((i) => g.node('Gather', [first, scalar(g, i)], shape, 'axis = 0'))
  const parts = g.nodes('Split', [first], Array(3).fill([1, ...shape]), g.opset < 18 ? 'axis = 0' : 'axis = 0, num_outputs = 3')
  return parts.map((part) =>
    g.opset < 13 ? g.node('Squeeze', [part], shape, 'axes = [0]') : g.node('Squeeze', [part, g.ints([0])], shape),
  )
}

/** An integer that is no list. */
const scalar = (g: GraphText, number: number) =>
  g.opset < 13 ? g.node('Squeeze', [g.ints([number])], [], 'axes = [0]') : g.node('Squeeze', [g.ints([number]), g.ints([0])], [])

function headsFirst(t: Transformer, x: Value, count: number, headDim: number): Value {
  const split = t.g.node('Reshape', [x, target(t, x, [count, headDim])], [-1, -1, count, headDim])
  return t.g.node('Transpose', [split], [-1, count, -1, headDim], 'perm = [0, 2, 1, 3]')
}

/** Where the halves of a head part, as a constant or computed from its size. */
function middle({ g, choices }: Transformer, x: Value, half: number): Value {
  if (choices.chance(0.5)) return g.ints([half])
  const size = g.node('Gather', [g.node('Shape', [x], [4]), g.ints([choices.pick([3, -1])])], [1])
  return g.node('Div', [size, g.ints([2])], [1])
}

/** x · cos + (−second half, first half) · sin, with tables of headDim. */
function rotary(t: Transformer, x: Value): Value {
  const { g, choices } = t
  const headDim = x.shape[3]!
  const half = headDim / 2
  const halves = [-1, x.shape[1]!, -1, half]
  const slice = (from: Value, to: Value) => g.node('Slice', [x, from, to, g.ints([3])], halves)
  const [first, second] = [
    slice(g.ints([0]), middle(t, x, half)),
    slice(middle(t, x, half), g.ints([choices.pick([headDim, 9999])])),
  ]
  const turned = g.node('Concat', [g.node('Neg', [second], halves), first], x.shape, 'axis = -1')
  const [cos, sin] = [g.weight([headDim]), g.weight([headDim])]
  return g.node('Add', [g.node('Mul', [x, cos], x.shape), g.node('Mul', [turned, sin], x.shape)], x.shape)
}

/** Each head of keys and values for all queries that share it, by Expand, Tile or Gather, or stretched by MatMul where there is one. */
function repeated(t: Transformer, x: Value, { queries, shared, headDim }: Heads): Value {
  const { g, choices } = t
  if (queries === shared) return x
  const each = queries / shared
  if (shared === 1 && choices.chance(0.3)) return x
  if (choices.chance(0.2)) {
    const copies = Array.from({ length: queries }, (_, i) => Math.floor(i / each))
    return g.node('Gather', [x, g.ints(copies)], [-1, queries, -1, headDim], 'axis = 1')
  }
  const one = [-1, shared, 1, -1, headDim]
  const open = g.opset < 13 ? g.node('Unsqueeze', [x], one, 'axes = [2]') : g.node('Unsqueeze', [x, g.ints([2])], one)
  const many = [-1, shared, each, -1, headDim]
  const shape = g.node('Shape', [x], [4])
  const size = (axis: number) => g.node('Gather', [shape, g.ints([axis])], [1])
  const way = choices.int(0, 2)
  const wide =
    way === 0
      ? g.node('Expand', [open, g.ints([1, 1, each, 1, 1])], many)
      : way === 1
        ? g.node('Tile', [open, g.ints([1, 1, each, 1, 1])], many)
        : g.node('Expand', [open, g.node('Concat', [size(0), size(1), g.ints([each]), size(2), size(3)], [5], 'axis = 0')], many)
  const flat = choices.chance(0.5)
    ? g.ints([0, queries, -1, headDim])
    : g.node('Concat', [size(0), g.ints([queries]), size(2), size(3)], [4], 'axis = 0')
  return g.node('Reshape', [wide, flat], [-1, queries, -1, headDim])
}

/** A norm within each head. */
function withinHeads({ g }: Transformer, x: Value): Value {
  return g.node('SimplifiedLayerNormalization', [x, g.weight([x.shape[3]!], 1)], x.shape)
}

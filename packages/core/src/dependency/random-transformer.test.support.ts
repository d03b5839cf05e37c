import type { Model } from '@pare/onnx'
import { type Choices, GraphText, type Value } from './graph-text.test.support.js'

/** A transformer that is being written: f32[N, S, width]. */
interface Transformer {
  readonly g: GraphText
  readonly choices: Choices
  readonly width: number
}

/** A random valid transformer of `layers` layers, over token ids or over vectors. */
export function randomTransformer(choices: Choices, layers: number): Model {
  const g = new GraphText(choices, choices.pick([12, 13, 17, 18, 21]))
  const t: Transformer = { g, choices, width: choices.pick([4, 6, 8, 12]) }
  const isText = choices.chance(0.5)
  const table = g.weight([7, t.width])
  let x: Value = isText
    ? g.node('Gather', [table, 'ids'], [-1, -1, t.width])
    : linear(t, { name: 'x', shape: [-1, -1, 5] }, t.width)
  for (let layer = 0; layer < layers; layer++) {
    const branch = choices.chance(0.5) ? attention(t, normalised(t, x)) : mlp(t, normalised(t, x))
    x = choices.chance(0.85) ? sum(t, x, branch) : branch
    if (choices.chance(0.2)) x = normalised(t, x)
  }
  return g.model(isText ? 'int64[N, S] ids' : 'float[N, S, 5] x', [logits(t, x, isText ? table : undefined)])
}

function logits({ g, choices, width }: Transformer, x: Value, table: Value | undefined): Value {
  if (table !== undefined && choices.chance(0.5))
    return g.node('MatMul', [x, g.node('Transpose', [table], [width, 7], 'perm = [1, 0]')], [-1, -1, 7])
  return g.node('MatMul', [x, g.weight([width, 3])], [-1, -1, 3])
}

const sum = ({ g, choices }: Transformer, x: Value, y: Value) => g.node('Add', choices.chance(0.5) ? [x, y] : [y, x], x.shape)

/** x · W + b; now and then as Einsum, or flattened to a matrix for Gemm. */
function linear(t: Transformer, x: Value, out: number): Value {
  const { g, choices } = t
  const inputs = x.shape.at(-1)!
  const shape = [...x.shape.slice(0, -1), out]
  const way = choices.int(0, 9)
  if (way === 0) return g.node('Einsum', [x, g.weight([inputs, out])], shape, 'equation = "bti,io->bto"')
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
function targetOf({ g, choices }: Transformer, x: Value, sizes: readonly number[]): Value {
  const shape = g.node('Shape', [x], [x.shape.length])
  const parts = sizes.map((size) => {
    if (size < 0) return g.ints([-size])
    if (choices.chance(0.5)) return g.node('Gather', [shape, g.ints([size])], [1])
    return g.node('Slice', [shape, g.ints([size]), g.ints([size + 1])], [1])
  })
  return g.node('Concat', parts, [sizes.length], 'axis = 0')
}

/** The same target as a constant with zeros, or computed. `front` holds the first two sizes. */
function target(t: Transformer, front: Value, rest: readonly number[]): Value {
  const { g, choices } = t
  return choices.chance(0.5)
    ? g.ints([0, choices.pick([0, -1]), ...rest])
    : targetOf(t, front, [0, 1, ...rest.map((size) => -size)])
}

function normalised(t: Transformer, x: Value): Value {
  const { g, choices, width } = t
  const gamma = () => g.weight([width], 1)
  const way = choices.int(0, 3)
  if (way === 0) return x
  if (way === 1 && g.opset >= 17) return g.node('LayerNormalization', [x, gamma(), g.weight([width])], x.shape)
  const one = [-1, -1, 1]
  const [two, tiny] = [g.floats([2]), g.floats([1e-3])]
  if (way === 2) {
    const square = mean(t, g.node('Pow', [x, two], x.shape), one)
    const root = g.node('Sqrt', [g.node('Add', [square, tiny], one)], one)
    return g.node('Mul', [g.node('Div', [x, root], x.shape), gamma()], x.shape)
  }
  const centred = g.node('Sub', [x, mean(t, x, one)], x.shape)
  const variance = mean(t, g.node('Mul', [centred, centred], x.shape), one)
  const root = g.node('Sqrt', [g.node('Add', [variance, tiny], one)], one)
  const scaled = g.node('Mul', [g.node('Div', [centred, root], x.shape), gamma()], x.shape)
  return g.node('Add', [scaled, g.weight([width])], x.shape)
}

function mean({ g }: Transformer, x: Value, shape: readonly number[]): Value {
  return g.opset < 18 ? g.node('ReduceMean', [x], shape, 'axes = [-1]') : g.node('ReduceMean', [x, g.ints([-1])], shape)
}

function mlp(t: Transformer, x: Value): Value {
  const { g, choices, width } = t
  const hidden = choices.int(2, 10)
  if (choices.chance(0.5)) return linear(t, gelu(t, linear(t, x, hidden)), width)
  const [gate, up] = gateAndUp(t, x, hidden)
  const half = [-1, -1, hidden]
  const silu = g.node('Mul', [gate!, g.node('Sigmoid', [gate], half)], half)
  return linear(t, g.node('Mul', [choices.chance(0.5) ? silu : gelu(t, gate!), up!], half), width)
}

/** Apart, or fused and divided by Split or Slice. */
function gateAndUp(t: Transformer, x: Value, hidden: number): readonly Value[] {
  const way = t.choices.int(0, 2)
  if (way === 0) return [linear(t, x, hidden), linear(t, x, hidden)]
  const both = linear(t, x, 2 * hidden)
  return way === 1 ? splitLast(t, both, [hidden, hidden]) : sliceLast(t, both, [hidden, hidden])
}

function splitLast({ g, choices }: Transformer, x: Value, sizes: readonly number[]): Value[] {
  const shapes = sizes.map((size) => [...x.shape.slice(0, -1), size])
  const axis = `axis = ${choices.pick([-1, x.shape.length - 1])}`
  const isEven = sizes.every((size) => size === sizes[0])
  if (isEven && choices.chance(0.4))
    return g.nodes('Split', [x], shapes, g.opset < 18 ? axis : `${axis}, num_outputs = ${sizes.length}`)
  return g.opset < 13
    ? g.nodes('Split', [x], shapes, `${axis}, split = [${sizes}]`)
    : g.nodes('Split', [x, g.ints(sizes)], shapes, axis)
}

function sliceLast({ g }: Transformer, x: Value, sizes: readonly number[]): Value[] {
  let start = 0
  return sizes.map((size) => {
    const bounds = [g.ints([start]), g.ints([start + size])]
    start += size
    return g.node('Slice', [x, ...bounds, g.ints([x.shape.length - 1])], [...x.shape.slice(0, -1), size])
  })
}

function gelu({ g, choices }: Transformer, x: Value): Value {
  const way = choices.int(0, 5)
  const { shape } = x
  if (way === 0) return g.node('Relu', [x], shape)
  if (way === 1) return g.node('com.microsoft.FastGelu', [x, choices.chance(0.5) ? g.weight([shape.at(-1)!]) : undefined], shape)
  if (way === 2) return g.node('com.microsoft.BiasGelu', [x, g.weight([shape.at(-1)!])], shape)
  if (way === 3 && g.opset >= 20) return g.node('Gelu', [x], shape)
  const [half, one] = [g.floats([0.5]), g.floats([1])]
  if (way === 4) {
    const cube = g.node('Mul', [g.node('Pow', [x, g.floats([3])], shape), g.floats([0.044715])], shape)
    const inner = g.node('Mul', [g.node('Add', [x, cube], shape), g.floats([0.797885])], shape)
    const outer = g.node('Add', [g.node('Tanh', [inner], shape), one], shape)
    return g.node('Mul', [g.node('Mul', [x, half], shape), outer], shape)
  }
  const erf = g.node('Erf', [g.node('Div', [x, g.floats([Math.SQRT2])], shape)], shape)
  return g.node('Mul', [g.node('Mul', [x, g.node('Add', [erf, one], shape)], shape), half], shape)
}

interface Heads {
  /** Of queries, and of keys and values. */
  readonly queries: number
  readonly shared: number
  readonly headDim: number
}

function attention(t: Transformer, x: Value): Value {
  const { g, choices, width } = t
  const shared = choices.int(1, 3)
  const heads: Heads = { shared, queries: shared * choices.pick([1, 1, 2, 3]), headDim: choices.pick([2, 4]) }
  const { queries, headDim } = heads
  const [q, k, v] = projected(t, x, heads)
  const scores = [-1, queries, -1, -1]
  const product = g.node('MatMul', [q, g.node('Transpose', [k], [-1, queries, headDim, -1], 'perm = [0, 1, 3, 2]')], scores)
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
  const turn = choices.chance(0.4) ? rotary : (_: Transformer, value: Value) => value
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

/** x · cos + (−second half, first half) · sin, with tables of headDim. */
function rotary({ g, choices }: Transformer, x: Value): Value {
  const headDim = x.shape[3]!
  const half = headDim / 2
  const halves = [-1, x.shape[1]!, -1, half]
  const slice = (from: number, to: number) => g.node('Slice', [x, g.ints([from]), g.ints([to]), g.ints([3])], halves)
  const [first, second] = [slice(0, half), slice(half, choices.pick([headDim, 9999]))]
  const turned = g.node('Concat', [g.node('Neg', [second], halves), first], x.shape, 'axis = -1')
  const [cos, sin] = [g.weight([headDim]), g.weight([headDim])]
  return g.node('Add', [g.node('Mul', [x, cos], x.shape), g.node('Mul', [turned, sin], x.shape)], x.shape)
}

/** Each head of keys and values for all queries that share it, by Expand or Tile. */
function repeated(t: Transformer, x: Value, { queries, shared, headDim }: Heads): Value {
  const { g, choices } = t
  if (queries === shared) return x
  const each = queries / shared
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

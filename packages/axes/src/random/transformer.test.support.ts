import type { Model } from '@pare/onnx'
import { attention } from './attention.test.support.js'
import { fusedAttention } from './fused.test.support.js'
import { type Choices, GraphText, type Value } from './graph-text.test.support.js'
import { linear, mean, sliceLast, splitLast, type Transformer } from './linear.test.support.js'
import { mixture } from './mixture.test.support.js'
import { recurrent } from './recurrent.test.support.js'

/** A random valid transformer of `layers` layers, over token ids or over vectors. */
export function randomTransformer(choices: Choices, layers: number): Model {
  const g = new GraphText(choices, choices.pick([12, 13, 17, 18, 21, 23]))
  const t: Transformer = { g, choices, width: choices.pick([4, 6, 8, 12]) }
  const isText = choices.chance(0.5)
  const table = g.weight([7, t.width])
  let x: Value = isText
    ? g.node('Gather', [table, 'ids'], [-1, -1, t.width])
    : linear(t, { name: 'x', shape: [-1, -1, 5] }, t.width)
  if (choices.chance(0.4)) x = placed(t, x)
  for (let layer = 0; layer < layers; layer++) {
    const branch = choices.pick([attention, attention, fusedAttention, recurrent, mixture, mlp, mlp, mlp])(t, normalised(t, x))
    x = choices.chance(0.85) ? sum(t, x, branch) : branch
    if (choices.chance(0.2)) x = normalised(t, x)
  }
  return g.model(isText ? 'int64[N, S] ids' : 'float[N, S, 5] x', [logits(t, x, isText ? table : undefined)])
}

/** With positions added: a table cut to the length of the text, or one row that is stretched. */
function placed({ g, choices, width }: Transformer, x: Value): Value {
  const shape = g.node('Shape', [x], [3])
  const size = (axis: number) => g.node('Gather', [shape, g.ints([axis])], [1])
  if (choices.chance(0.5)) {
    const rows = g.node('Slice', [g.weight([choices.pick([9, 16]), width]), g.ints([0]), size(1), g.ints([0])], [-1, width])
    return g.node('Add', [x, rows], x.shape)
  }
  const sizes = g.node('Concat', [size(0), size(1), choices.chance(0.5) ? g.ints([width]) : size(2)], [3], 'axis = 0')
  return g.node('Add', [x, g.node('Expand', [g.weight([1, 1, width]), sizes], x.shape)], x.shape)
}

function logits({ g, choices, width }: Transformer, x: Value, table: Value | undefined): Value {
  if (table !== undefined && choices.chance(0.5))
    return g.node('MatMul', [x, g.node('Transpose', [table], [width, 7], 'perm = [1, 0]')], [-1, -1, 7])
  return g.node('MatMul', [x, g.weight([width, 3])], [-1, -1, 3])
}

const sum = ({ g, choices }: Transformer, x: Value, y: Value) => g.node('Add', choices.chance(0.5) ? [x, y] : [y, x], x.shape)

function normalised(t: Transformer, x: Value): Value {
  const { g, choices, width } = t
  const gamma = () => g.weight([width], 1)
  const way = choices.int(0, 5)
  if (way === 0) return x
  if (way === 4) return g.node('SimplifiedLayerNormalization', [x, gamma()], x.shape)
  if (way === 5) return skipped(t, x)
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

/** x and what a small network makes of it, added and normalised; or only added, which is output 3. */
function skipped(t: Transformer, x: Value): Value {
  const { g, choices, width } = t
  const branch = linear(t, gelu(t, linear(t, x, choices.int(2, 5))), width)
  const inputs = [x, branch, g.weight([width], 1), g.weight([width]), choices.chance(0.5) ? g.weight([width]) : undefined]
  const isWhole = choices.chance(0.5)
  const [normal, , , sum] = g.nodes('com.microsoft.SkipLayerNormalization', inputs, [x.shape, [], [], x.shape])
  return isWhole ? normal! : g.node('Add', [normal, sum], x.shape)
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

import type { Value } from './graph-text.test.support.js'
import { linear, splitLast, type Transformer } from './linear.test.support.js'

/** A mixture of two to four experts that is written out: weights in one tensor or a stretch of the graph for each, of which some or all are chosen. */
export function mixture(t: Transformer, x: Value): Value {
  const { g, choices, width } = t
  const experts = choices.int(2, 4)
  const flat = g.node('Reshape', [x, g.ints([-1, width])], [-1, width])
  const logits = linear(t, flat, experts)
  const y = choices.chance(0.5) ? stacked(t, flat, sharesOf(t, logits)) : each(t, flat, logits)
  const shape = g.node('Shape', [x], [3])
  return g.node('Reshape', [y, shape], x.shape)
}

const among = (logits: Value) => logits.shape.at(-1)!

/** f32[tokens, experts]: shares of all, or 0 where an expert is not among the best. */
function sharesOf(t: Transformer, logits: Value): Value {
  const { g, choices } = t
  const shares = g.node('Softmax', [logits], logits.shape, 'axis = -1')
  const way = choices.int(0, 3)
  if (way === 0) return shares
  const [top, places] = best(t, shares)
  if (way === 1) {
    const zeros = g.node('ConstantOfShape', [g.node('Shape', [logits], [2])], logits.shape)
    return g.node('ScatterElements', [zeros, places, top], logits.shape, 'axis = 1')
  }
  const k = top!.shape.at(-1)!
  const hot = g.node('OneHot', [places, g.ints([among(logits)]), g.floats([0, 1], [2])], [-1, k, among(logits)])
  const parts = g.node('Mul', [hot, unsqueezed(t, top!, 2)], hot.shape)
  return summed(t, parts, 1)
}

function best({ g, choices }: Transformer, shares: Value): readonly [Value, Value] {
  const k = choices.int(1, among(shares) - 1)
  const [top, places] = g.nodes(
    'TopK',
    [shares, g.ints([k])],
    [
      [-1, k],
      [-1, k],
    ],
  )
  return [top!, places!]
}

const unsqueezed = ({ g }: Transformer, x: Value, axis: number) =>
  g.opset < 13
    ? g.node('Unsqueeze', [x], x.shape.toSpliced(axis, 0, 1), `axes = [${axis}]`)
    : g.node('Unsqueeze', [x, g.ints([axis])], x.shape.toSpliced(axis, 0, 1))

const summed = ({ g }: Transformer, x: Value, axis: number) =>
  g.opset < 13
    ? g.node('ReduceSum', [x], x.shape.toSpliced(axis, 1), `axes = [${axis}], keepdims = 0`)
    : g.node('ReduceSum', [x, g.ints([axis])], x.shape.toSpliced(axis, 1), 'keepdims = 0')

function stacked(t: Transformer, x: Value, shares: Value): Value {
  const { g, choices, width } = t
  const [experts, hidden] = [among(shares), choices.int(2, 6)]
  const h = g.node('MatMul', [unsqueezed(t, x, 0), g.weight([experts, width, hidden])], [experts, -1, hidden])
  const y = g.node('MatMul', [g.node('Relu', [h], h.shape), g.weight([experts, hidden, width])], [experts, -1, width])
  const turned = g.node('Transpose', [shares], [experts, -1], 'perm = [1, 0]')
  return summed(t, g.node('Mul', [y, unsqueezed(t, turned, 2)], y.shape), 0)
}

/** A stretch of the graph for each expert, which takes its share out of all or is compared with what was chosen. */
function each(t: Transformer, x: Value, logits: Value): Value {
  const { g, choices, width } = t
  const network = () => {
    const h = linear(t, x, choices.int(2, 5))
    return linear(t, g.node('Sigmoid', [h], h.shape), width)
  }
  const experts = [...Array(among(logits)).keys()]
  if (choices.chance(0.4)) {
    const [top, places] = best(t, g.node('Softmax', [logits], logits.shape, 'axis = -1'))
    const parts = experts.map((e) => {
      const mask = g.node('Cast', [g.integers('Equal', [places, g.ints([e])], top.shape)], top.shape, 'to = 1')
      const share = summed(t, g.node('Mul', [top, mask], top.shape), 1)
      return g.node('Mul', [network(), unsqueezed(t, share, 1)], x.shape)
    })
    return parts.reduce((one, two) => g.node('Add', [one, two], x.shape))
  }
  const shares = sharesOf(t, logits)
  if (choices.chance(0.3)) {
    const side = g.node(
      'Concat',
      experts.map(() => unsqueezed(t, network(), 1)),
      [-1, experts.length, width],
      'axis = 1',
    )
    return summed(t, g.node('Mul', [side, unsqueezed(t, shares, 2)], side.shape), 1)
  }
  const own = splitLast(
    t,
    shares,
    experts.map(() => 1),
  )
  return g.node(
    'Sum',
    own.map((share) => g.node('Mul', [network(), share], x.shape)),
    x.shape,
  )
}

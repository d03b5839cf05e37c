import type { GraphText } from './graph-text.test.support.js'
import { at, type Cnn, channels, type Image, image, like, reduceMean, type Step } from './image.test.support.js'

export function conv(cnn: Cnn, x: Image): Image | undefined {
  const { g, choices } = cnn
  const inputs = channels(x)
  const groups = choices.pick([1, 1, 1, 2, 3, inputs].filter((count) => inputs % count === 0))
  const out = groups * choices.int(1, Math.max(1, Math.ceil(9 / groups)))
  const stride = x.level < 2 && choices.chance(0.2) ? 2 : 1
  const kernel = choices.pick([1, 3])
  const bias = choices.chance(0.5) ? g.weight([out]) : undefined
  const pads = kernel === 3 ? ', pads = [1, 1, 1, 1]' : ''
  const attributes = `kernel_shape = [${kernel}, ${kernel}], strides = [${stride}, ${stride}], group = ${groups}${pads}`
  const level = x.level + (stride === 2 ? 1 : 0)
  const w = g.weight([out, inputs / groups, kernel, kernel])
  return image(cnn, g.node('Conv', [x, w, bias], like(cnn, x, out, level), attributes), level)
}

function transposed(cnn: Cnn, x: Image): Image {
  const { g, choices } = cnn
  const inputs = channels(x)
  const groups = choices.pick([1, 1, 2, inputs].filter((count) => inputs % count === 0))
  const each = choices.int(1, 4)
  const up = x.level > 0 && choices.chance(0.5)
  const [kernel, attributes] = up ? [2, 'strides = [2, 2]'] : [3, 'pads = [1, 1, 1, 1]']
  const bias = choices.chance(0.5) ? g.weight([groups * each]) : undefined
  const level = x.level - (up ? 1 : 0)
  const shape = like(cnn, x, groups * each, level)
  const w = g.weight([inputs, each, kernel, kernel])
  return image(cnn, g.node('ConvTranspose', [x, w, bias], shape, `group = ${groups}, ${attributes}`), level)
}

const normalised: Step = (cnn, x) => {
  const { g, choices } = cnn
  const c = channels(x)
  const vector = (about: number) => g.weight([c], about)
  if (choices.chance(0.2))
    return image(cnn, g.node('InstanceNormalization', [x, vector(1), vector(0)], x.shape, 'epsilon = 0.1'), x.level)
  const inputs = [x, vector(1), vector(0), vector(0), vector(2)]
  return image(cnn, g.node('BatchNormalization', inputs, x.shape), x.level)
}

const activated: Step = (cnn, x) => {
  const { g, choices } = cnn
  if (choices.chance(0.2))
    return image(cnn, g.node('PRelu', [x, g.weight(choices.pick([[channels(x), 1, 1], [1]]))], x.shape), x.level)
  const op = choices.pick([
    'Relu',
    'Sigmoid',
    'HardSigmoid',
    'LeakyRelu',
    'Tanh',
    'Softplus',
    ...(g.opset >= 14 ? ['HardSwish'] : []),
  ])
  return image(cnn, g.node(op, [x], x.shape), x.level)
}

const scaled: Step = (cnn, x) => {
  const { g, choices } = cnn
  const other = g.weight(choices.pick([[channels(x), 1, 1], [1, channels(x), 1, 1], [1]]), 1)
  const op = choices.pick(['Mul', 'Add', 'Sub', 'Div', 'Max'])
  const operands = op !== 'Div' && choices.chance(0.5) ? [other, x] : [x, other]
  return image(cnn, g.node(op, operands, x.shape), x.level)
}

const squeezed: Step = (cnn, x) => {
  const { g, choices } = cnn
  const [c, inner] = [channels(x), choices.int(1, 5)]
  const mean = choices.chance(0.5) ? g.node('GlobalAveragePool', [x], [-1, c, 1, 1]) : reduceMean(g, x, [2, 3], [-1, c, 1, 1])
  const small = g.node(
    'Relu',
    [g.node('Conv', [mean, g.weight([inner, c, 1, 1]), g.weight([inner])], [-1, inner, 1, 1])],
    [-1, inner, 1, 1],
  )
  const large = g.node('Conv', [small, g.weight([c, inner, 1, 1])], [-1, c, 1, 1])
  return image(
    cnn,
    g.node('Mul', [x, g.node(choices.pick(['Sigmoid', 'HardSigmoid']), [large], [-1, c, 1, 1])], x.shape),
    x.level,
  )
}

/** Channels last, normalised and mixed by MatMul, as ConvNeXt has it. */
const channelsLast: Step = (cnn, x) => {
  const { g, choices } = cnn
  const [c, side, hidden] = [channels(x), at(cnn, x.level), choices.int(2, 7)]
  const last = g.node('Transpose', [x], [-1, side, side, c], 'perm = [0, 2, 3, 1]')
  const up = g.node(
    'Add',
    [g.node('MatMul', [last, g.weight([c, hidden])], [-1, side, side, hidden]), g.weight([hidden])],
    [-1, side, side, hidden],
  )
  const down = g.node('MatMul', [g.node('Relu', [up], up.shape), g.weight([hidden, c])], last.shape)
  return image(cnn, g.node('Transpose', [down], x.shape, 'perm = [0, 3, 1, 2]'), x.level)
}

/** Conv, something, and a sum with what went in. */
const residual: Step = (cnn, x) => {
  const { g } = cnn
  const inner = activated(cnn, normalised(cnn, conv(cnn, x)!)!)!
  if (inner.level !== x.level) return undefined
  const back = g.node('Conv', [inner, g.weight([channels(x), channels(inner), 1, 1])], x.shape)
  return image(cnn, g.node('Add', [back, x], x.shape), x.level)
}

/** Statistics of groups of channels; scale and bias are those of channels, or before opset 21 of groups. */
const grouped: Step = (cnn, x) => {
  const { g, choices } = cnn
  const groups = [2, 3].find((count) => channels(x) % count === 0)
  if (groups === undefined || g.opset < 18) return undefined
  const count = g.opset < 21 ? groups : channels(x)
  const inputs = [x, g.weight([count], 1), g.weight([count])]
  return image(
    cnn,
    g.node(
      'GroupNormalization',
      inputs,
      x.shape,
      `epsilon = 0.1, num_groups = ${choices.pick([1, groups]) === 1 && g.opset >= 21 ? 1 : groups}`,
    ),
    x.level,
  )
}

const windowed: Step = (cnn, x) => image(cnn, cnn.g.node('LRN', [x], x.shape, 'size = 3'), x.level)

/** A gate for each position, from the channels' mean or largest. */
const spotted: Step = (cnn, x) => {
  const { g, choices } = cnn
  const one = like(cnn, x, 1)
  const mean = choices.chance(0.5) ? reduceMean(g, x, [1], one) : lengths(g, x, one)
  const made = g.node('Conv', [mean, g.weight([1, 1, 3, 3])], one, 'pads = [1, 1, 1, 1]')
  return image(cnn, g.node('Mul', [x, g.node('Sigmoid', [made], one)], x.shape), x.level)
}

/** Norms over the channels. */
function lengths(g: GraphText, x: Image, shape: readonly number[]) {
  return g.opset < 18 ? g.node('ReduceL2', [x], shape, 'axes = [1]') : g.node('ReduceL2', [x, g.ints([1])], shape)
}

/** A 1×1 convolution as a product with a matrix on the left. */
const onTheLeft: Step = (cnn, x) => {
  const { g, choices } = cnn
  const [out, side] = [choices.int(2, 6), at(cnn, x.level)]
  if (side < 0) return undefined
  const flat = g.node('Reshape', [x, g.ints([0, 0, -1])], [-1, channels(x), side * side])
  const made = g.node('MatMul', [g.weight([out, channels(x)]), flat], [-1, out, side * side])
  return image(
    cnn,
    g.node(
      'Reshape',
      [
        made,
        g.ints(
          choices.pick([
            [0, out, side, side],
            [-1, out, side, side],
            [0, 0, side, -1],
          ]),
        ),
      ],
      like(cnn, x, out),
    ),
    x.level,
  )
}

const fused: Step = (cnn, x) => {
  const { g, choices } = cnn
  const c = channels(x)
  const sum = choices.chance(0.5) ? x : undefined
  const inputs = [x, g.weight([c, c, 1, 1]), g.weight([c]), sum]
  return image(cnn, g.node('com.microsoft.FusedConv', inputs, x.shape, 'activation = "Relu"'), x.level)
}

/** Blocks that compute. */
export const LAYERS: readonly Step[] = [
  ...[conv, conv, conv, conv, transposed, normalised, normalised, activated, activated, scaled, squeezed, residual, residual],
  ...[channelsLast, grouped, windowed, spotted, onTheLeft, fused],
]

import type { Model } from '@pare/onnx'
import { type Choices, GraphText, type Value } from './graph-text.test.support.js'

/** An image network that is being written. */
interface Cnn {
  readonly g: GraphText
  readonly choices: Choices
  /** Values so far: f32[N, channels, H ÷ 2^level, W ÷ 2^level] */
  readonly pool: Image[]
  /** 8, or −1: known only at run time. */
  readonly size: number
}

interface Image extends Value {
  readonly level: number
}

type Step = (cnn: Cnn, x: Image) => Image | undefined

/** A random valid image network of about `steps` blocks: input f32[N, 3, H, W], H and W multiples of 8. */
export function randomCnn(choices: Choices, steps: number): Model {
  const g = new GraphText(choices, choices.pick([11, 12, 13, 17, 18, 21]))
  const size = choices.chance(0.5) ? 8 : -1
  const cnn: Cnn = { g, choices, pool: [], size }
  const input: Image = { name: 'x', shape: [-1, 3, size, size], level: 0 }
  let x = conv(cnn, input)!
  cnn.pool.push(x)
  for (let step = 0; step < steps; step++) {
    const made = choices.pick(STEPS)(cnn, choices.chance(0.8) ? x : choices.pick(cnn.pool))
    if (made === undefined) continue
    x = made
    cnn.pool.push(x)
  }
  const dims = size < 0 ? 'N, 3, H, W' : 'N, 3, 8, 8'
  const outputs = [tail(cnn, x)]
  if (choices.chance(0.2)) outputs.push(tail(cnn, choices.pick(cnn.pool)))
  return g.model(`float[${dims}] x`, outputs)
}

const channels = (x: Value) => x.shape[1]!
const at = ({ size }: Cnn, level: number) => (size < 0 ? -1 : size >> level)
const image = (_: Cnn, value: Value, level: number): Image => ({ ...value, level })

function like(cnn: Cnn, x: Image, count: number, level = x.level): number[] {
  return [-1, count, at(cnn, level), at(cnn, level)]
}

function conv(cnn: Cnn, x: Image): Image | undefined {
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
  if (choices.chance(0.2)) return image(cnn, g.node('InstanceNormalization', [x, vector(1), vector(0)], x.shape), x.level)
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

const partners = ({ pool }: Cnn, x: Image) => pool.filter((other) => other.level === x.level && channels(other) === channels(x))

const added: Step = (cnn, x) => {
  const { g, choices } = cnn
  const others = partners(cnn, x)
  if (others.length === 0) return undefined
  const branches = [x, ...Array.from({ length: choices.int(1, 2) }, () => choices.pick(others))]
  if (branches.length === 3) return image(cnn, g.node('Sum', branches, x.shape), x.level)
  return image(cnn, g.node(choices.pick(['Add', 'Add', 'Mul', 'Max']), branches, x.shape), x.level)
}

/** Conv, something, and a sum with what went in. */
const residual: Step = (cnn, x) => {
  const { g } = cnn
  const inner = activated(cnn, normalised(cnn, conv(cnn, x)!)!)!
  if (inner.level !== x.level) return undefined
  const back = g.node('Conv', [inner, g.weight([channels(x), channels(inner), 1, 1])], x.shape)
  return image(cnn, g.node('Add', [back, x], x.shape), x.level)
}

const concatenated: Step = (cnn, x) => {
  const { g, choices, pool } = cnn
  const others = pool.filter(({ level }) => level === x.level)
  if (others.length === 0) return undefined
  const parts = [x, ...Array.from({ length: choices.int(1, 2) }, () => choices.pick(others))]
  const total = parts.reduce((sum, each) => sum + channels(each), 0)
  return total > 24 ? undefined : image(cnn, g.node('Concat', parts, like(cnn, x, total), 'axis = 1'), x.level)
}

const divided: Step = (cnn, x) => {
  const { g, choices } = cnn
  if (channels(x) < 2) return undefined
  const isEven = channels(x) % 2 === 0 && choices.chance(0.5)
  const first = isEven ? channels(x) / 2 : choices.int(1, channels(x) - 1)
  const sizes = [first, channels(x) - first]
  const given = isEven && g.opset < 18 && choices.chance(0.5) ? undefined : sizes
  const old = given && g.opset < 13 ? `, split = [${given}]` : ''
  const parts = g
    .nodes(
      'Split',
      [x, g.opset < 13 ? undefined : given && g.ints(given)],
      sizes.map((size) => like(cnn, x, size)),
      `axis = 1${old}`,
    )
    .map((part) => image(cnn, part, x.level))
  cnn.pool.push(...parts)
  return isEven && choices.chance(0.5) ? image(cnn, g.node('Mul', parts, parts[0]!.shape), x.level) : parts[0]
}

const sliced: Step = (cnn, x) => {
  const { g, choices } = cnn
  if (channels(x) < 2) return undefined
  const start = choices.int(0, channels(x) - 2)
  const end = choices.int(start + 1, channels(x))
  const negative = choices.chance(0.3)
  const bounds = [g.ints([negative ? start - channels(x) : start]), g.ints([end === channels(x) ? 999 : end])]
  return image(cnn, g.node('Slice', [x, ...bounds, g.ints([1])], like(cnn, x, end - start)), x.level)
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

function reduceMean(g: GraphText, x: Value, axes: readonly number[], shape: readonly number[]): Value {
  const keeps = `keepdims = ${shape.length === x.shape.length ? 1 : 0}`
  return g.opset < 18
    ? g.node('ReduceMean', [x], shape, `axes = [${axes}], ${keeps}`)
    : g.node('ReduceMean', [x, g.ints(axes)], shape, keeps)
}

/** Padded, then cut back by a convolution or pooling without padding. */
const padded: Step = (cnn, x) => {
  const { g, choices } = cnn
  const wide = g.node(
    'Pad',
    [x, g.ints([0, 0, 1, 1, 0, 0, 1, 1])],
    [-1, channels(x), -1, -1],
    `mode = "${choices.pick(['constant', 'edge'])}"`,
  )
  return image(cnn, g.node('MaxPool', [wide], x.shape, 'kernel_shape = [3, 3]'), x.level)
}

const pooled: Step = (cnn, x) => {
  const { g, choices } = cnn
  const op = choices.pick(['MaxPool', 'AveragePool'])
  if (x.level < 2 && choices.chance(0.5))
    return image(
      cnn,
      g.node(op, [x], like(cnn, x, channels(x), x.level + 1), 'kernel_shape = [2, 2], strides = [2, 2]'),
      x.level + 1,
    )
  return image(cnn, g.node(op, [x], x.shape, 'kernel_shape = [3, 3], pads = [1, 1, 1, 1]'), x.level)
}

const resized: Step = (cnn, x) => {
  const { g, choices } = cnn
  if (x.level === 0) return undefined
  const shape = like(cnn, x, channels(x), x.level - 1)
  const mode = `mode = "${choices.pick(['nearest', 'linear'])}"`
  const empty = g.floats([], [0])
  if (choices.chance(0.5)) {
    const roi = g.opset < 13 ? empty : undefined
    return image(cnn, g.node('Resize', [x, roi, g.floats([1, 1, 2, 2], [4])], shape, mode), x.level - 1)
  }
  // As PyTorch writes it: the first two sizes of x, and those of where it is to go.
  const other = cnn.pool.find(({ level }) => level === x.level - 1)
  if (other === undefined || g.opset < 13) return undefined
  const front = g.node('Slice', [g.node('Shape', [x], [4]), g.ints([0]), g.ints([2]), g.ints([0])], [2])
  const back = g.node('Slice', [g.node('Shape', [other], [4]), g.ints([2]), g.ints([4]), g.ints([0])], [2])
  return image(
    cnn,
    g.node('Resize', [x, undefined, undefined, g.node('Concat', [front, back], [4], 'axis = 0')], shape, mode),
    x.level - 1,
  )
}

/** Channels seen as groups × channels of a group, turned round, and put together again. */
const shuffled: Step = (cnn, x) => {
  const { g, choices } = cnn
  const c = channels(x)
  const groups = [2, 3, 4].find((count) => c % count === 0 && c > count)
  if (groups === undefined) return undefined
  const side = at(cnn, x.level)
  const isKnown = side > 0
  const wide = [-1, groups, c / groups, side, side]
  const first = isKnown ? g.ints([choices.pick([0, -1]), ...wide.slice(1)]) : targetOf(g, x, [0, groups, c / groups, 2, 3])
  const split = g.node('Reshape', [x, first], wide)
  const turned = g.node('Transpose', [split], [-1, c / groups, groups, side, side], 'perm = [0, 2, 1, 3, 4]')
  const back = isKnown ? g.ints([-1, c, side, side]) : targetOf(g, x, choices.chance(0.5) ? [0, 1, 2, 3] : [0, -c, 2, 3])
  return image(cnn, g.node('Reshape', [turned, back], x.shape), x.level)
}

/** A target of sizes of `x`, by axis (0 to 3), and of constants: greater than 3, or negative. */
function targetOf(g: GraphText, x: Value, sizes: readonly number[]): Value {
  const shape = g.node('Shape', [x], [4])
  const parts = sizes.map((size, i) =>
    i > 0 && sizes.length === 5 && i < 3
      ? g.ints([size])
      : size < 0
        ? g.ints([-size])
        : g.node('Gather', [shape, g.ints([size])], [1]),
  )
  return g.node('Concat', parts, [sizes.length], 'axis = 0')
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

const STEPS: readonly Step[] = [
  conv,
  conv,
  conv,
  transposed,
  normalised,
  normalised,
  activated,
  activated,
  scaled,
  added,
  residual,
  residual,
  concatenated,
  divided,
  sliced,
  squeezed,
  padded,
  pooled,
  resized,
  shuffled,
  channelsLast,
]

/** What comes last: a classifier, or the image itself. */
function tail(cnn: Cnn, x: Image): Value {
  const { g, choices } = cnn
  const c = channels(x)
  const side = at(cnn, x.level)
  if (choices.chance(0.2)) return g.node('Conv', [x, g.weight([2, c, 1, 1])], [-1, 2, side, side])
  const isWhole = side > 0 && side <= 4 && choices.chance(0.3)
  const flat = isWhole ? flattened(cnn, x, c * side * side) : averaged(cnn, x)
  const width = flat.shape[1]!
  if (choices.chance(0.5)) {
    const hidden = choices.int(2, 6)
    const h = g.node('Relu', [gemm(cnn, flat, hidden)], [-1, hidden])
    return gemm(cnn, h, 3)
  }
  return width === c && choices.chance(0.3) ? g.node('MatMul', [flat, g.weight([c, 3])], [-1, 3]) : gemm(cnn, flat, 3)
}

function flattened({ g, choices }: Cnn, x: Value, width: number): Value {
  return choices.chance(0.5)
    ? g.node('Flatten', [x], [-1, width], 'axis = 1')
    : g.node(
        'Reshape',
        [
          x,
          g.ints(
            choices.pick([
              [0, -1],
              [-1, width],
            ]),
          ),
        ],
        [-1, width],
      )
}

function averaged(cnn: Cnn, x: Image): Value {
  const { g, choices } = cnn
  const c = channels(x)
  if (choices.chance(0.3)) return reduceMean(g, x, [2, 3], [-1, c])
  const mean = g.node(choices.pick(['GlobalAveragePool', 'GlobalMaxPool']), [x], [-1, c, 1, 1])
  if (choices.chance(0.3)) {
    if (g.opset < 13) return g.node('Squeeze', [mean], [-1, c], 'axes = [2, 3]')
    return g.node('Squeeze', [mean, g.ints([2, 3])], [-1, c])
  }
  return flattened(cnn, mean, c)
}

function gemm({ g, choices }: Cnn, x: Value, out: number): Value {
  const inputs = x.shape[1]!
  const isTurned = choices.chance(0.5)
  const w = g.weight(isTurned ? [out, inputs] : [inputs, out])
  return g.node('Gemm', [x, w, choices.chance(0.7) ? g.weight([out]) : undefined], [-1, out], `transB = ${isTurned ? 1 : 0}`)
}

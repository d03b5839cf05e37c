import type { GraphText, Value } from './graph-text.test.support.js'
import { at, type Cnn, channels, type Image, image, like, type Step } from './image.test.support.js'

const partners = ({ pool }: Cnn, x: Image) => pool.filter((other) => other.level === x.level && channels(other) === channels(x))

const added: Step = (cnn, x) => {
  const { g, choices } = cnn
  const others = partners(cnn, x)
  if (others.length === 0) return undefined
  const branches = [x, ...Array.from({ length: choices.int(1, 2) }, () => choices.pick(others))]
  if (branches.length === 3) return image(cnn, g.node('Sum', branches, x.shape), x.level)
  return image(cnn, g.node(choices.pick(['Add', 'Add', 'Mul', 'Max']), branches, x.shape), x.level)
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
  const splitSizes = isEven && g.opset < 18 && choices.chance(0.5) ? undefined : sizes
  const old = splitSizes && g.opset < 13 ? `, split = [${splitSizes}]` : ''
  const parts = g
    .nodes(
      'Split',
      [x, g.opset < 13 ? undefined : splitSizes && g.ints(splitSizes)],
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
  const isFixed = side > 0
  const wide = [-1, groups, c / groups, side, side]
  const first = isFixed ? g.ints([choices.pick([0, -1]), ...wide.slice(1)]) : targetOf(g, x, [0, groups, c / groups, 2, 3])
  const split = g.node('Reshape', [x, first], wide)
  const turned = g.node('Transpose', [split], [-1, c / groups, groups, side, side], 'perm = [0, 2, 1, 3, 4]')
  const back = isFixed ? g.ints([-1, c, side, side]) : targetOf(g, x, choices.chance(0.5) ? [0, 1, 2, 3] : [0, -c, 2, 3])
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

/** Blocks of positions become channels and come back, in one of two orders. */
const blocked: Step = (cnn, x) => {
  const { g, choices } = cnn
  if (x.level > 1 || channels(x) > 6) return undefined
  const deep = g.node('SpaceToDepth', [x], like(cnn, x, 4 * channels(x), x.level + 1), 'blocksize = 2')
  const far = choices.chance(0.5) ? g.node('Relu', [deep], deep.shape) : deep
  return image(cnn, g.node('DepthToSpace', [far], x.shape, `blocksize = 2, mode = "${choices.pick(['DCR', 'CRD'])}"`), x.level)
}

/** Channels in another order, by their positions. */
const gathered: Step = (cnn, x) => {
  const { g, choices } = cnn
  const count = choices.int(1, channels(x))
  const order = Array.from({ length: count }, () => choices.int(0, channels(x) - 1))
  return image(cnn, g.node('Gather', [x, g.ints(order)], like(cnn, x, count), 'axis = 1'), x.level)
}

/** All channels in another order, or from the last to the first. */
const reordered: Step = (cnn, x) => {
  const { g, choices } = cnn
  const order = Array.from({ length: channels(x) }, (_, i) => i)
  if (choices.chance(0.3)) {
    const slice = [g.ints([-1]), g.ints([-999]), g.ints([1]), g.ints([-1])]
    return image(cnn, g.node('Slice', [x, ...slice], x.shape), x.level)
  }
  for (let i = order.length - 1; i > 0; i--) {
    const j = choices.int(0, i)
    const swapped = order[i]!
    order[i] = order[j]!
    order[j] = swapped
  }
  return image(cnn, g.node('Gather', [x, g.ints(order)], x.shape, 'axis = 1'), x.level)
}

const tiled: Step = (cnn, x) => {
  const { g } = cnn
  if (channels(x) > 6) return undefined
  return image(cnn, g.node('Tile', [x, g.ints([1, 2, 1, 1])], like(cnn, x, 2 * channels(x))), x.level)
}

/** Whichever is larger of two, chosen by a condition. */
const chosen: Step = (cnn, x) => {
  const other = cnn.choices.pick([x, ...partners(cnn, x)])
  const condition = cnn.g.node('Less', [x, other], x.shape)
  return image(cnn, cnn.g.node('Where', [condition, other, x], x.shape), x.level)
}

/** Blocks that move elements about or join branches. */
export const ARRANGEMENTS: readonly Step[] = [
  ...[added, added, concatenated, concatenated, divided, sliced, padded, pooled, resized, shuffled, shuffled],
  ...[blocked, gathered, reordered, tiled, chosen],
]

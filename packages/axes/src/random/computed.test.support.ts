import type { GraphText, Value } from './graph-text.test.support.js'
import { channels, image, like, type Step } from './image.test.support.js'

/** One size of a value, as a list. */
function sizeAt(g: GraphText, x: Value, axis: number): Value {
  return g.integers('Gather', [g.integers('Shape', [x], [x.shape.length]), g.ints([axis])], [1])
}

function joined(g: GraphText, parts: readonly Value[]): Value {
  return g.integers('Concat', parts, [parts.length], 'axis = 0')
}

/** Pads as torch computes them, of what its sizes are short of a multiple of 3; then cut back by pooling or a Slice. */
const paddedAsTorch: Step = (cnn, x) => {
  const { g, choices } = cnn
  const one = g.ints([1])
  const front = choices.chance(0.5)
    ? [one, one, one, one]
    : [g.integers('Sub', [g.ints([2]), g.integers('Mod', [sizeAt(g, x, 3), one], [1])], [1]), g.ints([0]), one, one]
  const rest = g.integers('ConstantOfShape', [g.ints([4])], [4], 'value = int64[1] {0}')
  const pairs = g.integers('Reshape', [g.integers('Concat', [...front, rest], [8], 'axis = 0'), g.ints([-1, 2])], [4, 2])
  const back = g.integers('Slice', [pairs, g.ints([-1]), g.ints([-99]), g.ints([0]), g.ints([-1])], [4, 2])
  const pads = g.integers('Reshape', [g.integers('Transpose', [back], [2, 4], 'perm = [1, 0]'), g.ints([-1])], [8])
  const wide = g.node('Pad', [x, pads], [-1, channels(x), -1, -1], `mode = "${choices.pick(['constant', 'edge'])}"`)
  return image(cnn, g.node('MaxPool', [wide], x.shape, 'kernel_shape = [3, 3]'), x.level)
}

/** Positions or channels from one on come first, those before it last. */
const rolled: Step = (cnn, x) => {
  const { g, choices } = cnn
  const axis = choices.pick([1, 2, 3])
  if (axis === 1 && channels(x) < 2) return undefined
  const by = axis === 1 ? choices.int(1, channels(x) - 1) : 1
  const part = (size: number) => (axis === 1 ? like(cnn, x, size) : [-1, channels(x), -1, -1])
  const front = g.node('Slice', [x, g.ints([by]), g.ints([999]), g.ints([axis])], part(channels(x) - by))
  const back = g.node('Slice', [x, g.ints([0]), g.ints([by]), g.ints([axis])], part(by))
  return image(cnn, g.node('Concat', [front, back], x.shape, `axis = ${axis}`), x.level)
}

/** Positions turned round. */
const flipped: Step = (cnn, x) => {
  const { g, choices } = cnn
  const inputs = [g.ints([-1]), g.ints([-999]), g.ints([choices.pick([1, 2, 3, 3])]), g.ints([-1])]
  return image(cnn, g.node('Slice', [x, ...inputs], x.shape), x.level)
}

/** Cut into windows of 2 × 2 positions, changed, and put together again; sizes are read from shapes or stated. */
const windowed: Step = (cnn, x) => {
  const { g, choices } = cnn
  if (x.level > 2) return undefined
  const c = channels(x)
  const last = g.node('Transpose', [x], [-1, -1, -1, c], 'perm = [0, 2, 3, 1]')
  const [n, h, w] = [0, 1, 2].map((axis) => sizeAt(g, last, axis)) as [Value, Value, Value]
  const two = g.ints([2])
  const [h2, w2] = [h, w].map((size) => g.integers('Div', [size, two], [1])) as [Value, Value]
  const width = () => choices.pick([g.ints([c]), sizeAt(g, last, 3)])
  const target = joined(g, [n, h2, two, w2, two, choices.chance(0.3) ? g.ints([-1]) : width()])
  const split = g.node('Reshape', [last, target], [-1, -1, 2, -1, 2, c])
  const turned = g.node('Transpose', [split], [-1, -1, -1, 2, 2, c], 'perm = [0, 1, 3, 2, 4, 5]')
  const windows = g.node('Reshape', [turned, joined(g, [g.ints([-1]), two, two, width()])], [-1, 2, 2, c])
  const changed = choices.chance(0.5) ? g.node('Relu', [windows], windows.shape) : windows
  const apart = g.node('Reshape', [changed, joined(g, [n, h2, w2, two, two, width()])], [-1, -1, -1, 2, 2, c])
  const back = g.node('Transpose', [apart], [-1, -1, 2, -1, 2, c], 'perm = [0, 1, 3, 2, 4, 5]')
  const together = g.node('Reshape', [back, joined(g, [n, h, w, width()])], [-1, -1, -1, c])
  return image(cnn, g.node('Transpose', [together], x.shape, 'perm = [0, 3, 1, 2]'), x.level)
}

/** Channels in an order that sums and products of axes can say. */
const ordered: Step = (cnn, x) => {
  const { g, choices } = cnn
  const c = channels(x)
  const factor = [2, 3, 4].find((count) => c % count === 0 && c > count)
  const all = Array.from({ length: c }, (_, i) => i)
  const by = choices.int(0, c - 1)
  const orders = [[...all.slice(by), ...all.slice(0, by)], all.slice(by)]
  if (c <= 12)
    orders.push(
      all.flatMap((i) => [i, i]),
      [...all, ...all],
    )
  if (factor !== undefined)
    orders.push(
      all.map((i) => (i % factor) * (c / factor) + Math.floor(i / factor)),
      all.filter((i) => i % factor === 1),
    )
  const order = choices.pick(orders)
  return image(cnn, g.node('Gather', [x, g.ints(order)], like(cnn, x, order.length), 'axis = 1'), x.level)
}

/** Every other channel times the next. */
const paired: Step = (cnn, x) => {
  const { g } = cnn
  const half = channels(x) / 2
  if (!Number.isInteger(half)) return undefined
  const parts = [0, 1].map((start) =>
    g.node('Slice', [x, g.ints([start]), g.ints([999]), g.ints([1]), g.ints([2])], like(cnn, x, half)),
  )
  return image(cnn, g.node('Mul', parts, like(cnn, x, half)), x.level)
}

/** Equal numbers of the shape of x, all of it read or a part of it stated, are added. */
const filled: Step = (cnn, x) => {
  const { g, choices } = cnn
  const stated = () => joined(g, [sizeAt(g, x, 0), g.ints([channels(x)]), sizeAt(g, x, 2), sizeAt(g, x, 3)])
  const shape = choices.chance(0.5) ? g.integers('Shape', [x], [4]) : stated()
  const same = g.node('ConstantOfShape', [shape], x.shape, 'value = float[1] {0.25}')
  return image(cnn, g.node('Add', [x, same], x.shape), x.level)
}

/** Blocks whose sizes, pads and orders are computed, as exporters do who write no numbers. */
export const COMPUTED_ARRANGEMENTS: readonly Step[] = [
  paddedAsTorch,
  rolled,
  flipped,
  windowed,
  windowed,
  ordered,
  ordered,
  paired,
  filled,
]

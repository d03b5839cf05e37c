import { each, type Facts, type OperatorCall, type ShapeRule, type ShapeRules, shaped } from './rule.js'

/** Along one spatial axis. */
interface Axis {
  readonly size: number
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  readonly pads: readonly [number, number]
}

function axesOf(call: OperatorCall, sizes: readonly number[], kernels: readonly number[]): readonly Axis[] {
  const strides = call.ints('strides')
  const dilations = call.ints('dilations')
  const pads = call.ints('pads')
  return sizes.map((size, i) => ({
    size,
    kernel: kernels[i]!,
    stride: strides?.[i] ?? 1,
    dilation: dilations?.[i] ?? 1,
    pads: [pads?.[i] ?? 0, pads?.[i + sizes.length] ?? 0],
  }))
}

/** Positions of a window of `kernel` taps: ⌊(size + pads − dilated kernel) ÷ stride⌋ + 1; ⌈⌉ with ceil_mode. */
function windows(call: OperatorCall, { size, kernel, stride, dilation, pads }: Axis): number {
  const auto = call.string('auto_pad', 'NOTSET')
  const extent = dilation * (kernel - 1) + 1
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') return Math.ceil(size / stride)
  const [before, after] = auto === 'VALID' ? [0, 0] : pads
  const steps = (size + before + after - extent) / stride
  if (call.int('ceil_mode', 0) === 0) return Math.floor(steps) + 1
  const count = Math.ceil(steps) + 1
  // A window that would begin in the padding behind the end is left out.
  return (count - 1) * stride >= size + before ? count - 1 : count
}

/** Input `x` and weight `w` at these places: QLinearConv has scales between. */
export function conv(x: number, w: number): ShapeRule {
  return (call) => {
    const [from, weight] = [call.shape(x), call.shape(w)]
    if (from === undefined || weight === undefined || from.length !== weight.length) return []
    const axes = axesOf(call, from.slice(2), weight.slice(2))
    return shaped([from[0]!, weight[0]!, ...axes.map((axis) => windows(call, axis))])
  }
}

function convTranspose(call: OperatorCall): Facts {
  const [from, weight] = [call.shape(0), call.shape(1)]
  if (from === undefined || weight === undefined || from.length !== weight.length) return []
  const target = call.ints('output_shape')
  const extra = call.ints('output_padding')
  const auto = call.string('auto_pad', 'NOTSET')
  const sizes = axesOf(call, from.slice(2), weight.slice(2)).map((axis, i) => {
    if (target !== undefined) return target.at(i - from.length + 2)!
    const { size, kernel, stride, dilation, pads } = axis
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') return size * stride
    const [before, after] = auto === 'VALID' ? [0, 0] : pads
    return stride * (size - 1) + (extra?.[i] ?? 0) + dilation * (kernel - 1) + 1 - before - after
  })
  return shaped([from[0]!, weight[1]! * call.int('group', 1), ...sizes])
}

export function pool(call: OperatorCall): Facts {
  const from = call.shape(0)
  const kernels = call.ints('kernel_shape')
  if (from === undefined || kernels === undefined || kernels.length !== from.length - 2) return []
  const [fact] = shaped([from[0]!, from[1]!, ...axesOf(call, from.slice(2), kernels).map((axis) => windows(call, axis))])
  return [fact, fact]
}

export const globalPool: ShapeRule = (call) => {
  const from = call.shape(0)
  return from === undefined ? [] : shaped(from.map((size, axis) => (axis < 2 ? size : 1)))
}

/** Resize has roi, scales and sizes since version 11; before, and Upsample, scales alone. */
function resize(call: OperatorCall): Facts {
  const from = call.shape(0)
  if (from === undefined) return []
  const axes = (call.ints('axes') ?? [...from.keys()]).map((axis) => (axis < 0 ? axis + from.length : axis))
  if (call.int('antialias', 0) === 1 && call.string('keep_aspect_ratio_policy', 'stretch') !== 'stretch') return []
  const isOld = call.node.op === 'Upsample' || call.opset < 11
  const scales = call.floats('scales') ?? call.value(isOld ? 1 : 2)?.numbers
  const sizes = isOld ? undefined : call.value(3)?.numbers
  const shape = [...from]
  if (sizes?.length === axes.length) {
    if (call.string('keep_aspect_ratio_policy', 'stretch') !== 'stretch') return []
    for (const [i, axis] of axes.entries()) shape[axis] = sizes[i]!
    return shaped(shape)
  }
  if (scales?.length !== axes.length) return []
  for (const [i, axis] of axes.entries()) shape[axis] = Math.floor(from[axis]! * scales[i]!)
  return shaped(shape)
}

function gridSample(call: OperatorCall): Facts {
  const [from, grid] = [call.shape(0), call.shape(1)]
  return from && grid ? shaped([from[0]!, from[1]!, ...grid.slice(1, -1)]) : []
}

function roiAlign(call: OperatorCall): Facts {
  const [from, rois] = [call.shape(0), call.shape(1)]
  return from && rois ? shaped([rois[0]!, from[1]!, call.int('output_height', 1), call.int('output_width', 1)]) : []
}

export const convolution: ShapeRules = {
  ...each('Conv ConvInteger', conv(0, 1)),
  QLinearConv: conv(0, 3),
  ConvTranspose: convTranspose,
  ...each('MaxPool AveragePool LpPool', pool),
  ...each('GlobalAveragePool GlobalMaxPool GlobalLpPool', globalPool),
  ...each('Resize Upsample', resize),
  GridSample: gridSample,
  RoiAlign: roiAlign,
}

import type { AttributeValue } from '@pare/onnx'
import { type GradientRules, only } from '../site/rule.js'
import type { GradientRule, GradientSite } from '../site/site.js'

/**
 * Every mode is one matrix an axis: y = A x along it  ⇒  x̄ = Aᵀ ȳ. A is what the operator makes of the unit matrix, whatever the mode. Where each element is
 * repeated s times, x̄ is a sum of stretches of s.
 */
const resize: GradientRule = (site) => {
  if (site.string('keep_aspect_ratio_policy', 'stretch') !== 'stretch') throw site.refuse('it keeps the aspect ratio')
  const axes = resizedAxes(site)
  const repeats = repeated(site, axes)
  if (repeats !== undefined) return [summed(site, repeats)]
  return [axes.reduce((g, { axis, at }) => along(site, { g, axis, matrix: matrixOf(site, axis, at) }), site.gradient)]
}

interface ResizedAxis {
  readonly axis: number
  /** Its place among the scales or sizes. */
  readonly at: number
}

function resizedAxes(site: GradientSite): readonly ResizedAxis[] {
  const [x, y] = [site.dims(site.input(0)), site.dims(site.output(0))]
  const scaledAxes = site.ints('axes') ?? x.map((_, axis) => axis)
  const scales = site.constant(site.input(2))
  const crops = site.string('coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize'
  return scaledAxes
    .map((axis, at) => ({ axis: site.axis(site.input(0), axis), at }))
    .filter(({ axis, at }) => {
      if (crops) return true
      return site.has(2) && scales !== undefined && scales.length > 0 ? scales[at] !== 1 : x[axis] !== y[axis]
    })
}

/** How often each element of height and width is repeated; undefined where y is not such a repetition. */
function repeated(site: GradientSite, axes: readonly ResizedAxis[]): readonly [number, number] | undefined {
  const coordinates = site.string('coordinate_transformation_mode', 'half_pixel')
  const rounding = site.string('nearest_mode', 'round_prefer_floor')
  const isRepetition =
    coordinates === 'asymmetric' ? rounding === 'floor' : /half_pixel$/.test(coordinates) && rounding.startsWith('round')
  if (site.string('mode', 'nearest') !== 'nearest' || !isRepetition || site.rank(site.input(0)) !== 4) return undefined
  const times = [1, 1]
  for (const { axis, at } of axes) {
    const scale = scaleOf(site, axis, at)
    if (axis < 2 || scale === undefined || !Number.isInteger(scale)) return undefined
    times[axis - 2] = scale
  }
  return times as [number, number]
}

function scaleOf(site: GradientSite, axis: number, at: number): number | undefined {
  const scales = site.constant(site.input(2))
  if (scales !== undefined && scales.length > 0) return scales[at]
  const [from, to] = [site.dims(site.input(0))[axis]!, site.dims(site.output(0))[axis]!]
  return typeof from === 'number' && typeof to === 'number' ? to / from : undefined
}

function summed(site: GradientSite, times: readonly [number, number]): string {
  const [height, width] = times
  if (height * width === 1) return site.gradient
  const window = times.map(BigInt)
  return site.mul(site.emit.node('AveragePool', [site.gradient], { kernel_shape: window, strides: window }), height * width)
}

/** f32[out, in] of one axis: the unit matrix [1, 1, in, in] resized in height. */
function matrixOf(site: GradientSite, axis: number, at: number): string {
  const x = site.input(0)
  const size = site.size(x, axis)
  const zeros = site.emit.node('Expand', [site.emit.float(0), site.emit.node('Concat', [size, size], { axis: 0n })])
  const unit = site.unsqueeze(site.emit.node('EyeLike', [zeros]), [0, 1])
  const scales = site.has(2) && site.dims(site.input(2))[0] !== 0
  const one = site.emit.floats([1], [1])
  const part = (input: number, i: number) => site.emit.node('Gather', [site.input(input), site.emit.ints([i])])
  const to = scales
    ? ['', concat(site, [one, one, part(2, at), one])]
    : ['', '', concat(site, [site.emit.ints([1, 1]), site.size(site.output(0), axis), size])]
  const region = region4(site, axis, at)
  const resized = site.emit.node('Resize', [unit, ...(region === '' ? to : [region, ...to.slice(1)])], attributes(site))
  return site.emit.node('Squeeze', [resized, site.emit.ints([0, 1])])
}

/** The part of an axis that 'tf_crop_and_resize' takes, as a region of height; '' in other modes. */
function region4(site: GradientSite, _axis: number, at: number): string {
  if (site.string('coordinate_transformation_mode', 'half_pixel') !== 'tf_crop_and_resize') return ''
  const rank = site.ints('axes')?.length ?? site.rank(site.input(0))
  const [zero, one] = [site.emit.floats([1], [0]), site.emit.floats([1], [1])]
  const end = (i: number) => site.emit.node('Gather', [site.input(1), site.emit.ints([i])])
  return concat(site, [zero, zero, end(at), zero, one, one, end(at + rank), one])
}

function concat(site: GradientSite, parts: readonly string[]): string {
  return site.emit.node('Concat', parts, { axis: 0n })
}

function attributes(site: GradientSite): Record<string, AttributeValue> {
  return {
    coordinate_transformation_mode: site.string('coordinate_transformation_mode', 'half_pixel'),
    mode: site.string('mode', 'nearest'),
    nearest_mode: site.string('nearest_mode', 'round_prefer_floor'),
    cubic_coeff_a: site.float('cubic_coeff_a', -0.75),
    exclude_outside: BigInt(site.int('exclude_outside', 0)),
    antialias: BigInt(site.int('antialias', 0)),
    extrapolation_value: 0,
  }
}

/** Aᵀ g along an axis. */
function along(site: GradientSite, { g, axis, matrix }: { g: string; axis: number; matrix: string }): string {
  const rank = site.rank(site.input(0))
  if (axis === rank - 1) return site.emit.node('MatMul', [g, matrix])
  if (axis === rank - 2) return site.matmul(matrix, g, { transA: true })
  const swapped = Array.from({ length: rank }, (_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i))
  return site.transpose(site.emit.node('MatMul', [site.transpose(g, swapped), matrix]), swapped)
}

export const resizing: GradientRules = { Resize: only([0], resize) }

import { type Array64, array, axisOf, count, eachIndex, flatOf } from './array.test.support.js'
import { type Call, listed, type Operators, Unsupported } from './call.test.support.js'

export const resize: Operators = {
  Resize: (call) => [resized(call.input(0), plan(call))],
  Upsample: (call) => {
    const x = call.input(0)
    const scales = listed(call, 'scales', 1)!
    const axes = x.shape.map((size, axis) => ({
      size,
      out: Math.floor(size * scales[axis]!),
      scale: scales[axis]!,
      roi: [0, 1] as const,
    }))
    return [resized(x, { axes, mode: call.string('mode', 'nearest'), coordinates: 'asymmetric', rounding: 'floor', outside: 0 })]
  },
}

interface Axis {
  readonly size: number
  readonly out: number
  readonly scale: number
  /** Of 'tf_crop_and_resize': start and end. */
  readonly roi: readonly [number, number]
}

interface Plan {
  readonly axes: readonly Axis[]
  readonly mode: string
  readonly coordinates: string
  readonly rounding: string
  /** The value outside the region of 'tf_crop_and_resize'. */
  readonly outside: number
}

function plan(call: Call): Plan {
  const x = call.input(0)
  const mode = call.string('mode', 'nearest')
  const old = call.opset < 11
  const filledIn = (i: number) => (call.inputs[i]?.data.length ? [...call.input(i).data] : undefined)
  const [scales, sizes] = old ? [filledIn(1), undefined] : [filledIn(2), filledIn(3)]
  const scaledAxes = (call.numbers('axes') ?? x.shape.map((_, axis) => axis)).map((axis) => axisOf(axis, x.shape.length))
  if (call.int('antialias', 0) === 1 || mode === 'cubic') throw new Unsupported(`Resize ${mode} or with antialias`)
  if (call.string('keep_aspect_ratio_policy', 'stretch') !== 'stretch') throw new Unsupported('Resize with a policy')
  const roi = old ? undefined : filledIn(1)
  const axes = x.shape.map((size, axis): Axis => {
    const at = scaledAxes.indexOf(axis)
    if (at < 0) return { size, out: size, scale: 1, roi: [0, 1] }
    const region = [roi?.[at] ?? 0, roi?.[at + scaledAxes.length] ?? 1] as const
    if (sizes !== undefined) return { size, out: sizes[at]!, scale: sizes[at]! / size, roi: region }
    return { size, out: Math.floor(size * scales![at]!), scale: scales![at]!, roi: region }
  })
  return {
    axes,
    mode,
    coordinates: old ? 'asymmetric' : call.string('coordinate_transformation_mode', 'half_pixel'),
    rounding: old ? 'floor' : call.string('nearest_mode', 'round_prefer_floor'),
    outside: call.float('extrapolation_value', 0),
  }
}

/** Each element of the output is a sum over elements of the input, with one factor an axis. */
function resized(x: Array64, { axes, mode, coordinates, rounding, outside }: Plan): Array64 {
  const sources = axes.map((axis) =>
    Array.from({ length: axis.out }, (_, out) => {
      const place = original(out, axis, coordinates)
      if (coordinates === 'tf_crop_and_resize' && (place < 0 || place > axis.size - 1)) return undefined
      return mode === 'nearest' ? nearest(place, axis, rounding) : linear(place, axis.size)
    }),
  )
  const shape = axes.map(({ out }) => out)
  const data = new Float64Array(count(shape))
  eachIndex(shape, (index, flat) => {
    const own = index.map((out, axis) => sources[axis]![out])
    if (own.includes(undefined)) {
      data[flat] = outside
      return
    }
    const taps = own as Tap[][]
    eachIndex(
      taps.map((each) => each.length),
      (choice) => {
        const chosen = choice.map((which, axis) => taps[axis]![which]!)
        const factor = chosen.reduce((product, [, weight]) => product * weight, 1)
        data[flat]! +=
          factor *
          x.data[
            flatOf(
              x.shape,
              chosen.map(([place]) => place),
            )
          ]!
      },
    )
  })
  return array(shape, data, x.type)
}

type Tap = readonly [place: number, weight: number]

function original(out: number, { size, out: length, scale, roi }: Axis, coordinates: string): number {
  if (scale === 1 && coordinates !== 'tf_crop_and_resize') return out
  if (coordinates === 'half_pixel') return (out + 0.5) / scale - 0.5
  if (coordinates === 'half_pixel_symmetric') {
    const adjustment = length / (scale * size)
    return (size / 2) * (1 - adjustment) + (out + 0.5) / scale - 0.5
  }
  if (coordinates === 'pytorch_half_pixel') return length > 1 ? (out + 0.5) / scale - 0.5 : 0
  if (coordinates === 'align_corners') return length === 1 ? 0 : (out * (size - 1)) / (length - 1)
  if (coordinates === 'asymmetric') return out / scale
  if (coordinates === 'tf_half_pixel_for_nn') return (out + 0.5) / scale
  if (coordinates !== 'tf_crop_and_resize') throw new Unsupported(`Resize with ${coordinates}`)
  const [start, end] = roi
  if (length === 1) return ((start + end) * (size - 1)) / 2
  return start * (size - 1) + (out * (end - start) * (size - 1)) / (length - 1)
}

function nearest(place: number, { size }: Axis, rounding: string): Tap[] {
  const halfway = place - Math.floor(place) === 0.5
  const rounded = {
    floor: Math.floor(place),
    ceil: Math.ceil(place),
    round_prefer_floor: halfway ? Math.floor(place) : Math.round(place),
    round_prefer_ceil: halfway ? Math.ceil(place) : Math.round(place),
  }[rounding]
  if (rounded === undefined) throw new Unsupported(`Resize with ${rounding}`)
  return [[Math.max(0, Math.min(size - 1, rounded)), 1]]
}

function linear(place: number, size: number): Tap[] {
  const within = Math.max(0, Math.min(size - 1, place))
  const low = Math.floor(within)
  if (low === within) return [[low, 1]]
  return [
    [low, 1 - (within - low)],
    [low + 1, within - low],
  ]
}

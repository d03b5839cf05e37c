import { valuesOf } from '@pare/onnx'
import { concatenate, gather, map, numberArray, reshape, settled } from '../../arrays/compute.js'
import { type LazyArray, sizeOf } from '../../arrays/element.js'
import { broadcast, commonDims, hostArray, positions, sliced, transposed } from '../../arrays/views.js'
import { axisOf, input, numbersAt, numbersIn, type Operator, type RecordedCall, UnsupportedCall } from './recorded-call.js'

const vector = (values: readonly number[]) => hostArray('i32', [values.length], values)

function withoutAxes(dims: readonly number[], axes: readonly number[] | undefined): number[] {
  const gone = axes?.map((axis) => axisOf(axis, dims.length)) ?? dims.flatMap((size, axis) => (size === 1 ? [axis] : []))
  return dims.filter((_, axis) => !gone.includes(axis))
}

function withAxes(dims: readonly number[], axes: readonly number[]): number[] {
  const added = new Set(axes.map((axis) => axisOf(axis, dims.length + axes.length)))
  const rest = [...dims]
  return Array.from({ length: dims.length + axes.length }, (_, axis) => (added.has(axis) ? 1 : rest.shift()!))
}

function newDims(dims: readonly number[], asked: readonly number[], allowZero: boolean): number[] {
  const sizes = asked.map((size, axis) => (size === 0 && !allowZero ? dims[axis]! : size))
  const open = sizes.indexOf(-1)
  return open < 0 ? sizes : sizes.with(open, sizeOf(dims) / Math.max(1, sizeOf(sizes.filter((_, axis) => axis !== open))))
}

function slice(call: RecordedCall): LazyArray {
  const x = input(call, 0)
  const [starts, ends] = [numbersAt(call, 1, 'starts'), numbersAt(call, 2, 'ends')]
  if (starts === undefined || ends === undefined) throw new UnsupportedCall('Slice without ends')
  const axes = numbersAt(call, 3, 'axes') ?? starts.map((_, i) => i)
  const steps = numbersAt(call, 4) ?? starts.map(() => 1)
  return starts.reduce((array, start, i) => {
    const axis = axisOf(axes[i]!, array.dims.length)
    const [size, step] = [array.dims[axis]!, steps[i]!]
    const from = (place: number) => (place < 0 ? place + size : place)
    const clamp = (place: number, least: number, most: number) => Math.min(Math.max(place, least), most)
    const [first, end] =
      step > 0
        ? [clamp(from(start), 0, size), clamp(from(ends[i]!), 0, size)]
        : [clamp(from(start), 0, size - 1), clamp(from(ends[i]!), -1, size - 1)]
    return sliced(array, { axis, start: first, step, count: Math.max(0, Math.ceil((end - first) / step)) })
  }, x)
}

function split(call: RecordedCall): LazyArray[] {
  const x = input(call, 0)
  const axis = axisOf(call.attributes.int('axis', 0), x.dims.length)
  const size = x.dims[axis]!
  const count = call.attributes.int('num_outputs', call.node.outputs.length)
  const each = Math.ceil(size / count)
  const sizes = numbersAt(call, 1, 'split') ?? Array.from({ length: count }, (_, i) => Math.min(each, size - i * each))
  let start = 0
  return sizes.map((part) => {
    const array = sliced(x, { axis, start, step: 1, count: part })
    start += part
    return array
  })
}

/** Zeros, or another number, around an array. */
function pad(call: RecordedCall): LazyArray {
  const x = input(call, 0)
  const pads = numbersAt(call, 1, 'pads')
  const { length: rank } = x.dims
  if (pads === undefined || call.attributes.string('mode', 'constant') !== 'constant')
    throw new UnsupportedCall('Pad that is not constant')
  const axes = (numbersAt(call, 3) ?? x.dims.map((_, axis) => axis)).map((axis) => axisOf(axis, rank))
  const value = call.inputs[2] === undefined ? call.attributes.float('value', 0) : numbersIn(call.inputs[2])[0]!
  return axes.reduce((array, axis, i) => {
    const [before, after] = [pads[i]!, pads[i + axes.length]!]
    if (before < 0 || after < 0) throw new UnsupportedCall('Pad that takes away')
    const filled = (size: number) => broadcast(numberArray(x.type, value), array.dims.with(axis, size))
    return concatenate(call.recording, [filled(before), array, filled(after)], axis)
  }, x)
}

/** The lower or upper triangle of matrices, from diagonal `k` on. */
function trilu(call: RecordedCall): LazyArray {
  const x = input(call, 0)
  const { recording, attributes } = call
  const { dims } = x
  const [row, column] = [positions(dims, dims.length - 2), positions(dims, dims.length - 1)]
  const diagonal = map(recording, { op: 'addI', type: 'i32' }, [row, numberArray('i32', numbersAt(call, 1)?.[0] ?? 0)])
  const order = attributes.int('upper', 1) === 1 ? [diagonal, column] : [column, diagonal]
  const kept = map(recording, { op: 'lessOrEqual', type: 'bool' }, order)
  return map(recording, { op: 'where', type: x.type }, [kept, x, numberArray(x.type, 0)])
}

function tile(call: RecordedCall): LazyArray {
  const [x, repeats] = [input(call, 0), numbersIn(input(call, 1))]
  const apart = reshape(
    call.recording,
    x,
    x.dims.flatMap((size) => [1, size]),
  )
  const repeated = broadcast(
    apart,
    x.dims.flatMap((size, axis) => [repeats[axis]!, size]),
  )
  return reshape(
    call.recording,
    repeated,
    x.dims.map((size, axis) => size * repeats[axis]!),
  )
}

export const ARRANGE: Readonly<Record<string, Operator>> = {
  Shape(call) {
    const { dims } = input(call, 0)
    const at = (name: string, otherwise: number) => {
      const place = call.attributes.int(name, otherwise)
      return place < 0 ? place + dims.length : place
    }
    return vector(dims.slice(at('start', 0), at('end', dims.length)))
  },
  Size: (call) => hostArray('i32', [], [sizeOf(input(call, 0).dims)]),
  Reshape(call) {
    const x = input(call, 0)
    const asked = numbersAt(call, 1, 'shape') ?? []
    return reshape(call.recording, x, newDims(x.dims, asked, call.attributes.int('allowzero', 0) === 1))
  },
  Flatten(call) {
    const x = input(call, 0)
    const attribute = call.attributes.int('axis', 1)
    const axis = attribute < 0 ? attribute + x.dims.length : attribute
    return reshape(call.recording, x, [sizeOf(x.dims.slice(0, axis)), sizeOf(x.dims.slice(axis))])
  },
  Transpose(call) {
    const x = input(call, 0)
    return transposed(x, call.attributes.ints('perm') ?? x.dims.map((_, axis) => axis).reverse())
  },
  Squeeze: (call) => reshape(call.recording, input(call, 0), withoutAxes(input(call, 0).dims, numbersAt(call, 1, 'axes'))),
  Unsqueeze: (call) => reshape(call.recording, input(call, 0), withAxes(input(call, 0).dims, numbersAt(call, 1, 'axes') ?? [])),
  Expand(call) {
    const x = input(call, 0)
    return broadcast(x, commonDims([x.dims, numbersIn(input(call, 1))]))
  },
  Slice: slice,
  Split: split,
  Concat(call) {
    const arrays = call.inputs.map((_, i) => input(call, i))
    return concatenate(call.recording, arrays, axisOf(call.attributes.int('axis', 0), arrays[0]!.dims.length))
  },
  Gather(call) {
    const x = input(call, 0)
    return gather(call.recording, x, { indices: input(call, 1), axis: axisOf(call.attributes.int('axis', 0), x.dims.length) })
  },
  Range(call) {
    const [first, end, step] = [0, 1, 2].map((i) => numbersIn(input(call, i))[0]!) as [number, number, number]
    const count = Math.max(0, Math.ceil((end - first) / step))
    if (input(call, 0).type === 'f32')
      return hostArray(
        'f32',
        [count],
        Float32Array.from({ length: count }, (_, i) => first + i * step),
      )
    return vector(Array.from({ length: count }, (_, i) => first + i * step))
  },
  ConstantOfShape(call) {
    const tensor = call.attributes.tensor('value')
    const bytes = tensor?.data.bytes
    if (tensor !== undefined && (bytes === undefined || !/^(float32|int64|int32|bool)$/.test(tensor.type)))
      throw new UnsupportedCall(`ConstantOfShape of ${tensor.type}`)
    const value = bytes === undefined ? 0 : Number(valuesOf(tensor!.type, bytes)[0])
    const type = tensor === undefined || tensor.type === 'float32' ? 'f32' : tensor.type === 'bool' ? 'bool' : 'i32'
    return settled(broadcast(numberArray(type, value), numbersIn(input(call, 0))))
  },
  // One that holds a tensor is among the constants of its graph.
  Constant({ attributes }) {
    const [integer, float] = [attributes.int('value_int'), attributes.float('value_float')]
    const [integers, floats] = [attributes.ints('value_ints'), attributes.floats('value_floats')]
    if (integer !== undefined) return hostArray('i32', [], [integer])
    if (float !== undefined) return hostArray('f32', [], [float])
    if (integers !== undefined) return vector(integers)
    if (floats !== undefined) return hostArray('f32', [floats.length], floats)
    throw new UnsupportedCall('a Constant of texts')
  },
  Pad: pad,
  Tile: tile,
  Trilu: trilu,
}

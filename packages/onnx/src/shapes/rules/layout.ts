import { flatIndex, rearranged, stridesOf } from './elements.js'
import { spread } from './elementwise.js'
import {
  axisOf,
  broadcast,
  type Fact,
  type Facts,
  type InferenceFacts,
  listed,
  MOST_ELEMENTS,
  type OperatorCall,
  product,
  type ShapeRules,
  shaped,
} from './rule.js'

function shapeOf(call: OperatorCall): Facts {
  const shape = call.shape(0)
  if (shape === undefined) return []
  const clamp = (at: number): number => Math.min(Math.max(at < 0 ? at + shape.length : at, 0), shape.length)
  const numbers = shape.slice(clamp(call.int('start', 0)), clamp(call.int('end', shape.length)))
  return [{ shape: [numbers.length], value: { type: 'int64', numbers } }]
}

function size(call: OperatorCall): Facts {
  const shape = call.shape(0)
  return [{ shape: [], value: shape && { type: 'int64', numbers: [product(shape)] } }]
}

/** Elements stay in their order, so what is known of them stays known. */
function reordered(call: OperatorCall, shape: readonly number[] | undefined): Facts {
  const from = call.shape(0)
  if (from === undefined || shape === undefined || product(from) !== product(shape)) return []
  return [{ shape, value: call.value(0) }]
}

function reshape(call: OperatorCall): Facts {
  const from = call.shape(0)
  const target = listed(call, 'shape', 1)
  if (target === undefined) return []
  // A target without placeholders says it all.
  if (from === undefined) return target.every((size) => size > 0) ? shaped(target) : []
  const keepsZero = call.int('allowzero', 0) === 1
  const shape = target.map((size, axis) => (size === 0 && !keepsZero ? (from[axis] ?? Number.NaN) : size))
  const open = shape.indexOf(-1)
  if (open >= 0) shape[open] = product(from) / product(shape.filter((_, axis) => axis !== open))
  return shaped(shape).length === 0 ? [] : reordered(call, shape)
}

function flatten(call: OperatorCall): Facts {
  const from = call.shape(0)
  if (from === undefined) return []
  const axis = call.int('axis', 1)
  const split = axis < 0 ? axis + from.length : axis
  return reordered(call, [product(from.slice(0, split)), product(from.slice(split))])
}

function squeeze(call: OperatorCall): Facts {
  const from = call.shape(0)
  if (from === undefined) return []
  const ones = from.flatMap((size, axis) => (size === 1 ? [axis] : []))
  const axes = listed(call, 'axes', 1, ones)?.map((axis) => axisOf(axis, from.length))
  return (
    (axes &&
      reordered(
        call,
        from.filter((_, axis) => !axes.includes(axis)),
      )) ||
    []
  )
}

function unsqueeze(call: OperatorCall): Facts {
  const from = call.shape(0)
  const list = listed(call, 'axes', 1)
  if (from === undefined || list === undefined) return []
  const rank = from.length + list.length
  const axes = new Set(list.map((axis) => axisOf(axis, rank)))
  if (axes.size !== list.length || axes.has(undefined)) return []
  let next = 0
  return reordered(
    call,
    Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : from[next++]!)),
  )
}

function transpose(call: OperatorCall): Facts {
  const from = call.shape(0)
  if (from === undefined) return []
  const perm = call.ints('perm') ?? [...from.keys()].reverse()
  if (perm.length !== from.length) return []
  const strides = stridesOf(from)
  const moved = perm.map((axis) => strides[axis]!)
  return [
    rearranged(
      call.value(0),
      perm.map((axis) => from[axis]!),
      (position) => flatIndex(position, moved),
    ),
  ]
}

/** The shape of what these inputs make one after another along an axis. */
export function concatenated(call: OperatorCall, inputs: readonly number[]): readonly number[] | undefined {
  const shapes = inputs.map((i) => call.shape(i))
  const first = shapes[0]
  if (first === undefined || shapes.some((shape) => shape?.length !== first.length)) return undefined
  const axis = axisOf(call.int('axis', 1), first.length)
  return axis === undefined
    ? undefined
    : first.with(
        axis,
        shapes.reduce((sum, each) => sum + each![axis]!, 0),
      )
}

function concat(call: OperatorCall): Facts {
  const inputs = [...call.node.inputs.keys()]
  const shape = concatenated(call, inputs)
  if (shape === undefined) return []
  const values = inputs.map((i) => call.value(i))
  if (product(shape) > MOST_ELEMENTS || values.some((value) => value === undefined)) return [{ shape }]
  const axis = axisOf(call.int('axis', 1), shape.length)!
  const sizes = inputs.map((i) => call.shape(i)![axis]!)
  return [{ shape, value: { type: values[0]!.type, numbers: joined(values as InferenceFacts[], { first: shape, axis, sizes }) } }]
}

/** Row by row, each a stretch of every value. */
function joined(
  values: readonly InferenceFacts[],
  { first, axis, sizes }: { readonly first: readonly number[]; readonly axis: number; readonly sizes: readonly number[] },
): number[] {
  const width = product(first.slice(axis + 1))
  return Array.from({ length: product(first.slice(0, axis)) }, (_, row) =>
    values.flatMap(({ numbers }, i) => numbers.slice(row * sizes[i]! * width, (row + 1) * sizes[i]! * width)),
  ).flat()
}

function split(call: OperatorCall): Facts {
  const from = call.shape(0)
  const axis = from && axisOf(call.int('axis', 0), from.length)
  if (from === undefined || axis === undefined) return []
  const count = call.int('num_outputs', call.node.outputs.length)
  if (!(count > 0 && count <= call.node.outputs.length)) return []
  const even = Math.ceil(from[axis]! / count)
  const evenly = Array.from({ length: count }, (_, i) => Math.min(even, from[axis]! - i * even))
  const sizes = listed(call, 'split', 1, evenly)
  if (sizes === undefined || sizes.reduce((sum, each) => sum + each, 0) !== from[axis]) return []
  const strides = stridesOf(from)
  let start = 0
  return sizes.map((each) => {
    const offset = start * strides[axis]!
    start += each
    return rearranged(call.value(0), from.with(axis, each), (position) => offset + flatIndex(position, strides))
  })
}

function expand(call: OperatorCall): Facts {
  const [from, to] = [call.shape(0), call.value(1)]
  if (from === undefined || to === undefined) return []
  const shape = broadcast(from, to.numbers)
  if (shape === undefined) return []
  const source = call.value(0)
  if (source === undefined || product(shape) > MOST_ELEMENTS) return [{ shape }]
  return [{ shape, value: { type: source.type, numbers: spread(source.numbers, from, shape) } }]
}

function tile(call: OperatorCall): Facts {
  const [from, repeats] = [call.shape(0), call.value(1)]
  if (from === undefined || from.length !== repeats?.numbers.length) return []
  const [fact] = shaped(from.map((n, axis) => n * repeats.numbers[axis]!))
  if (fact?.shape === undefined) return []
  const strides = stridesOf(from)
  return [
    rearranged(call.value(0), fact.shape, (position) =>
      position.reduce((flat, at, axis) => flat + (at % from[axis]!) * strides[axis]!, 0),
    ),
  ]
}

function pad(call: OperatorCall): Facts {
  const from = call.shape(0)
  const pads = listed(call, 'pads', 1) ?? call.ints('paddings')
  if (from === undefined || pads === undefined) return []
  const list = call.has(3) ? call.value(3)?.numbers : [...from.keys()]
  const axes = list?.map((axis) => axisOf(axis, from.length))
  if (axes === undefined || axes.includes(undefined) || pads.length !== 2 * axes.length) return []
  const shape = [...from]
  const before = from.map(() => 0)
  for (const [i, axis] of axes.entries()) {
    shape[axis!]! += pads[i]! + pads[i + axes.length]!
    before[axis!] = pads[i]!
  }
  const [fact] = shaped(shape)
  return fact === undefined ? [] : [padded(call, { from, shape, before })]
}

interface Padding {
  readonly from: readonly number[]
  readonly shape: readonly number[]
  /** How much is added before the first position of each axis. */
  readonly before: readonly number[]
}

function padded(call: OperatorCall, { from, shape, before }: Padding): Fact {
  const source = call.value(0)
  const constant = call.has(2) ? call.value(2)?.numbers[0] : call.float('value', 0)
  const place = PLACES[call.string('mode', 'constant')]
  if (source === undefined || constant === undefined || place === undefined || product(from) === 0) return { shape }
  const strides = stridesOf(from)
  // One element more than there are: what is added.
  const more = { type: source.type, numbers: [...source.numbers, constant] }
  return rearranged(more, shape, (position) => {
    const places = position.map((at, axis) => place(at - before[axis]!, from[axis]!))
    return places.includes(-1) ? source.numbers.length : flatIndex(places, strides)
  })
}

/** Which position of an axis of `size` stands where padding is: −1 for none. */
const PLACES: Readonly<Record<string, (at: number, size: number) => number>> = {
  constant: (at, size) => (at >= 0 && at < size ? at : -1),
  edge: (at, size) => Math.min(Math.max(at, 0), size - 1),
  wrap: (at, size) => ((at % size) + size) % size,
  reflect: (at, size) => {
    if (size === 1) return 0
    const period = 2 * (size - 1)
    const within = ((at % period) + period) % period
    return Math.min(within, period - within)
  },
}

function depthToSpace(call: OperatorCall): Facts {
  const from = call.shape(0)
  const block = call.int('blocksize', 1)
  if (from?.length !== 4) return []
  const [n, c, h, w] = from as [number, number, number, number]
  return call.node.op === 'DepthToSpace'
    ? shaped([n, c / block ** 2, h * block, w * block])
    : shaped([n, c * block ** 2, h / block, w / block])
}

export const layout: ShapeRules = {
  Shape: shapeOf,
  Size: size,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  DepthToSpace: depthToSpace,
  SpaceToDepth: depthToSpace,
}

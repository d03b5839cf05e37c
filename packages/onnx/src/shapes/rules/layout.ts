import {
  axisOf,
  broadcast,
  type Facts,
  type InferenceFacts,
  listed,
  MOST_ELEMENTS,
  type OperatorCall,
  product,
  type ShapeRule,
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
  const isOrderKept = perm.every((axis, i) => axis === i)
  return [{ shape: perm.map((axis) => from[axis]!), value: isOrderKept ? call.value(0) : undefined }]
}

/** Of these inputs, one after another along an axis. */
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
  const shape = concatenated(call, [...call.node.inputs.keys()])
  if (shape === undefined) return []
  const values = call.node.inputs.map((_, i) => call.value(i))
  const joins = shape.length === 1 && product(shape) <= MOST_ELEMENTS && values.every((value) => value !== undefined)
  const value = joins
    ? { type: values[0]!.type, numbers: (values as InferenceFacts[]).flatMap(({ numbers }) => numbers) }
    : undefined
  return [{ shape, value }]
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
  const source = from.length === 1 ? call.value(0) : undefined
  let start = 0
  return sizes.map((each) => {
    const numbers = source?.numbers.slice(start, start + each)
    start += each
    return { shape: from.with(axis, each), value: numbers && { type: source!.type, numbers } }
  })
}

function slice(call: OperatorCall): Facts {
  const from = call.shape(0)
  const starts = listed(call, 'starts', 1)
  const ends = listed(call, 'ends', 2)
  const axes = listed(call, 'axes', 3, starts && [...starts.keys()])
  const steps = call.has(4) ? call.value(4)?.numbers : starts?.map(() => 1)
  if (from === undefined || !starts || !ends || !axes || !steps) return []
  const shape = [...from]
  let value = from.length === 1 ? call.value(0) : undefined
  for (const [i, position] of axes.entries()) {
    const axis = axisOf(position, from.length)
    const step = steps[i]!
    if (axis === undefined || step === 0) return []
    const length = from[axis]!
    const at = (index: number, low: number, high: number): number =>
      Math.min(Math.max(index < 0 ? index + length : index, low), high)
    const start = step > 0 ? at(starts[i]!, 0, length) : at(starts[i]!, 0, length - 1)
    const end = step > 0 ? at(ends[i]!, 0, length) : at(ends[i]!, -1, length - 1)
    shape[axis] = Math.max(0, Math.ceil((end - start) / step))
    const all = value?.numbers
    const numbers = all && Array.from({ length: shape[axis]! }, (_, k) => all[start + k * step]!)
    value = numbers && { type: value!.type, numbers }
  }
  return [{ shape, value }]
}

function gather(call: OperatorCall): Facts {
  const [data, indices] = [call.shape(0), call.shape(1)]
  const axis = data && axisOf(call.int('axis', 0), data.length)
  if (data === undefined || indices === undefined || axis === undefined) return []
  const shape = [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)]
  const [source, at] = [call.value(0), call.value(1)]
  if (data.length !== 1 || source === undefined || at === undefined) return [{ shape }]
  const numbers = at.numbers.map((index) => source.numbers[index < 0 ? index + data[0]! : index]!)
  return [{ shape, value: numbers.includes(undefined as never) ? undefined : { type: source.type, numbers } }]
}

function gatherNd(call: OperatorCall): Facts {
  const [data, indices] = [call.shape(0), call.shape(1)]
  const last = indices?.at(-1)
  if (data === undefined || indices === undefined || last === undefined) return []
  return shaped([...indices.slice(0, -1), ...data.slice(call.int('batch_dims', 0) + last)])
}

function expand(call: OperatorCall): Facts {
  const [from, to] = [call.shape(0), call.value(1)]
  if (from === undefined || to === undefined) return []
  const shape = broadcast(from, to.numbers)
  const source = call.value(0)
  const repeats = source?.numbers.length === 1 && shape !== undefined && product(shape) <= MOST_ELEMENTS
  const value = repeats ? { type: source.type, numbers: Array<number>(product(shape)).fill(source.numbers[0]!) } : undefined
  return shape === undefined ? [] : [{ shape, value }]
}

function tile(call: OperatorCall): Facts {
  const [from, repeats] = [call.shape(0), call.value(1)]
  return from && repeats && from.length === repeats.numbers.length
    ? shaped(from.map((n, axis) => n * repeats.numbers[axis]!))
    : []
}

function pad(call: OperatorCall): Facts {
  const from = call.shape(0)
  const pads = listed(call, 'pads', 1) ?? call.ints('paddings')
  if (from === undefined || pads === undefined) return []
  const list = call.has(3) ? call.value(3)?.numbers : [...from.keys()]
  const axes = list?.map((axis) => axisOf(axis, from.length))
  if (axes === undefined || axes.includes(undefined) || pads.length !== 2 * axes.length) return []
  const shape = [...from]
  for (const [i, axis] of axes.entries()) shape[axis!]! += pads[i]! + pads[i + axes.length]!
  return shaped(shape)
}

function constantOfShape(call: OperatorCall): Facts {
  const target = call.value(0)
  if (target === undefined || shaped(target.numbers).length === 0) return []
  const filled = call.node.attributes.has('value') ? call.tensor('value')?.value : { type: 'float32' as const, numbers: [0] }
  const count = product(target.numbers)
  const value =
    filled && count <= MOST_ELEMENTS ? { type: filled.type, numbers: Array<number>(count).fill(filled.numbers[0]!) } : undefined
  return [{ shape: target.numbers, value }]
}

function range(call: OperatorCall): Facts {
  const [start, limit, delta] = [0, 1, 2].map((i) => call.value(i)?.numbers[0])
  if (start === undefined || limit === undefined || delta === undefined || delta === 0) return []
  const count = Math.max(0, Math.ceil((limit - start) / delta))
  const { type } = call.value(0)!
  const value = count <= MOST_ELEMENTS ? { type, numbers: Array.from({ length: count }, (_, i) => start + i * delta) } : undefined
  return [{ shape: [count], value }]
}

function oneHot(call: OperatorCall): Facts {
  const [indices, depth] = [call.shape(0), call.value(1)?.numbers[0]]
  const axis = indices && axisOf(call.int('axis', -1), indices.length + 1)
  return indices && depth !== undefined && axis !== undefined ? shaped(indices.toSpliced(axis, 0, depth)) : []
}

function topK(call: OperatorCall): Facts {
  const from = call.shape(0)
  const axis = from && axisOf(call.int('axis', -1), from.length)
  const k = call.has(1) ? call.value(1)?.numbers[0] : call.int('k', Number.NaN)
  if (from === undefined || axis === undefined || k === undefined) return []
  const [fact] = shaped(from.with(axis, k))
  return [fact, fact]
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

const likeIndices: ShapeRule = (call) => [{ shape: call.shape(1) }]

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
  Slice: slice,
  Gather: gather,
  GatherElements: likeIndices,
  GatherND: gatherNd,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  ConstantOfShape: constantOfShape,
  Range: range,
  OneHot: oneHot,
  TopK: topK,
  DepthToSpace: depthToSpace,
  SpaceToDepth: depthToSpace,
}

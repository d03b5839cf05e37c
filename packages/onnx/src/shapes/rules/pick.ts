import { flatIndex, forEachPosition, rearranged, stridesOf } from './elements.js'
import {
  axisOf,
  type Fact,
  type Facts,
  listed,
  MOST_ELEMENTS,
  type OperatorCall,
  product,
  type ShapeRule,
  type ShapeRules,
  shaped,
} from './rule.js'

function slice(call: OperatorCall): Facts {
  const from = call.shape(0)
  const starts = listed(call, 'starts', 1)
  const ends = listed(call, 'ends', 2)
  const axes = listed(call, 'axes', 3, starts && [...starts.keys()])
  const steps = call.has(4) ? call.value(4)?.numbers : starts?.map(() => 1)
  if (from === undefined || !starts || !ends || !axes || !steps) return []
  const shape = [...from]
  const strides = stridesOf(from)
  let first = 0
  const moved = [...strides]
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
    first += start * strides[axis]!
    moved[axis] = step * strides[axis]!
  }
  return [rearranged(call.value(0), shape, (position) => first + flatIndex(position, moved))]
}

function gather(call: OperatorCall): Facts {
  const [data, indices] = [call.shape(0), call.shape(1)]
  const axis = data && axisOf(call.int('axis', 0), data.length)
  if (data === undefined || indices === undefined || axis === undefined) return []
  const shape = [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)]
  const at = call.value(1)?.numbers
  if (at === undefined) return [{ shape }]
  const [strides, within] = [stridesOf(data), stridesOf(indices)]
  return [
    rearranged(call.value(0), shape, (position) => {
      const picked = at[flatIndex(position.slice(axis, axis + indices.length), within)]!
      const place = [...position.slice(0, axis), wrapped(picked, data[axis]!), ...position.slice(axis + indices.length)]
      return flatIndex(place, strides)
    }),
  ]
}

/** An index counted from the front; NaN where there is no such position. */
function wrapped(index: number, size: number): number {
  return axisOf(index, size) ?? Number.NaN
}

function gatherElements(call: OperatorCall): Facts {
  const [data, indices] = [call.shape(0), call.shape(1)]
  if (indices === undefined) return []
  const axis = data && axisOf(call.int('axis', 0), data.length)
  const at = call.value(1)?.numbers
  if (data === undefined || axis === undefined || at === undefined || data.length !== indices.length) return [{ shape: indices }]
  const [strides, within] = [stridesOf(data), stridesOf(indices)]
  return [
    rearranged(call.value(0), indices, (position) =>
      flatIndex(position.with(axis, wrapped(at[flatIndex(position, within)]!, data[axis]!)), strides),
    ),
  ]
}

function gatherNd(call: OperatorCall): Facts {
  const [data, indices] = [call.shape(0), call.shape(1)]
  const last = indices?.at(-1)
  if (data === undefined || indices === undefined || last === undefined) return []
  const batch = call.int('batch_dims', 0)
  const lead = indices.slice(0, -1)
  const [fact] = shaped([...lead, ...data.slice(batch + last)])
  const at = call.value(1)?.numbers
  if (fact?.shape === undefined || at === undefined) return fact === undefined ? [] : [fact]
  const [strides, within] = [stridesOf(data), stridesOf(indices)]
  return [
    rearranged(call.value(0), fact.shape, (position) => {
      const row = flatIndex([...position.slice(0, lead.length), 0], within)
      const picked = Array.from({ length: last }, (_, i) => wrapped(at[row + i]!, data[batch + i]!))
      return flatIndex([...position.slice(0, batch), ...picked, ...position.slice(lead.length)], strides)
    }),
  ]
}

/** How what is scattered joins what was there. */
const REDUCTIONS: Readonly<Record<string, (before: number, update: number) => number>> = {
  none: (_, update) => update,
  add: (before, update) => before + update,
  mul: (before, update) => before * update,
  max: Math.max,
  min: Math.min,
}

/** Elements of the first input, changed at the places that `placeOf` says for each position of the updates. */
function scattered(call: OperatorCall, placeOf: (position: readonly number[], at: readonly number[]) => number): Fact {
  const [shape, updates] = [call.shape(0), call.shape(2)]
  const [data, at, news] = [call.value(0), call.value(1), call.value(2)]
  const reduce = REDUCTIONS[call.string('reduction', 'none')]
  if (data === undefined || at === undefined || news === undefined || updates === undefined || reduce === undefined)
    return { shape }
  const numbers = [...data.numbers]
  let isComplete = product(updates) <= MOST_ELEMENTS
  if (isComplete)
    forEachPosition(updates, (position, flat) => {
      const place = placeOf(position, at.numbers)
      const before = numbers[place]
      if (before === undefined) isComplete = false
      else numbers[place] = reduce(before, news.numbers[flat]!)
    })
  return { shape, value: isComplete ? { type: data.type, numbers } : undefined }
}

function scatterElements(call: OperatorCall): Facts {
  const [data, indices] = [call.shape(0), call.shape(1)]
  const axis = data && axisOf(call.int('axis', 0), data.length)
  if (data === undefined || indices?.length !== data.length || axis === undefined) return [{ shape: data }]
  const [strides, within] = [stridesOf(data), stridesOf(indices)]
  return [
    scattered(call, (position, at) =>
      flatIndex(position.with(axis, wrapped(at[flatIndex(position, within)]!, data[axis]!)), strides),
    ),
  ]
}

function scatterNd(call: OperatorCall): Facts {
  const [data, indices] = [call.shape(0), call.shape(1)]
  const last = indices?.at(-1)
  if (data === undefined || indices === undefined || last === undefined) return [{ shape: data }]
  const lead = indices.length - 1
  const [strides, within] = [stridesOf(data), stridesOf(indices)]
  return [
    scattered(call, (position, at) => {
      const row = flatIndex([...position.slice(0, lead), 0], within)
      const picked = Array.from({ length: last }, (_, i) => wrapped(at[row + i]!, data[i]!))
      return flatIndex([...picked, ...position.slice(lead)], strides)
    }),
  ]
}

function topK(call: OperatorCall): Facts {
  const from = call.shape(0)
  const axis = from && axisOf(call.int('axis', -1), from.length)
  const k = call.has(1) ? call.value(1)?.numbers[0] : call.int('k', Number.NaN)
  if (from === undefined || axis === undefined || k === undefined) return []
  const [fact] = shaped(from.with(axis, k))
  return [fact, fact]
}

function argument(call: OperatorCall): Facts {
  const from = call.shape(0)
  const axis = from && axisOf(call.int('axis', 0), from.length)
  if (from === undefined || axis === undefined) return []
  return [{ shape: call.int('keepdims', 1) === 1 ? from.with(axis, 1) : from.toSpliced(axis, 1) }]
}

/** i64[rank, how many]: it has a shape only where the elements are known. */
function nonZero(call: OperatorCall): Facts {
  const [shape, value] = [call.shape(0), call.value(0)]
  if (shape === undefined || shape.length === 0) return []
  if (value === undefined) return counted(call, { most: product(shape), shapeOf: (count) => [shape.length, count] })
  const places = forEachPosition(shape, (position, flat) => (value.numbers[flat] === 0 ? [] : [[...position]])).flat()
  const numbers = shape.flatMap((_, axis) => places.map((position) => position[axis]!))
  return [{ shape: [shape.length, places.length], value: { type: 'int64', numbers } }]
}

/** Where data decide how many there are. */
function counted(call: OperatorCall, { most, shapeOf }: Counted): Facts {
  const count = call.count(most)
  return count === undefined ? [] : [{ shape: shapeOf(count) }]
}

interface Counted {
  /** Undefined: that does not follow. */
  readonly most: number | undefined
  shapeOf(count: number): readonly number[]
}

/** [count, 3]: of each class of each image as many boxes as are asked for, and no more than there are. */
function nonMaxSuppression(call: OperatorCall): Facts {
  const [boxes, scores] = [call.shape(0)?.[1], call.shape(1)]
  const limit = call.has(2) ? (call.value(2)?.numbers[0] ?? Number.POSITIVE_INFINITY) : 0
  const most = boxes === undefined || scores === undefined ? undefined : Math.min(limit, boxes) * product(scores.slice(0, 2))
  return counted(call, { most, shapeOf: (count) => [count, 3] })
}

/** Positions where a condition holds, of one axis or of the elements in a row. */
function compress(call: OperatorCall): Facts {
  const shape = call.shape(0)
  const attribute = call.int('axis')
  const axis = shape && attribute !== undefined ? axisOf(attribute, shape.length) : undefined
  if (shape === undefined || (attribute !== undefined && axis === undefined)) return []
  return counted(call, {
    most: Math.min(axis === undefined ? product(shape) : shape[axis]!, call.shape(1)?.[0] ?? Number.POSITIVE_INFINITY),
    shapeOf: (count) => (axis === undefined ? [count] : shape.with(axis, count)),
  })
}

/** Different elements or slices; the first positions and counts of these, and where each of the input is among them. */
function unique(call: OperatorCall): Facts {
  const shape = call.shape(0)
  const attribute = call.int('axis')
  const axis = shape && attribute !== undefined ? axisOf(attribute, shape.length) : undefined
  if (shape === undefined || (attribute !== undefined && axis === undefined)) return []
  const all = axis === undefined ? product(shape) : shape[axis]!
  const count = call.count(all)
  if (count === undefined) return []
  const list = { shape: [count] }
  return [axis === undefined ? list : { shape: shape.with(axis, count) }, list, { shape: [all] }, list]
}

function cumulate(call: OperatorCall): Facts {
  const [shape, value, over] = [call.shape(0), call.value(0), call.value(1)?.numbers[0]]
  const axis = shape && over !== undefined ? axisOf(over, shape.length) : undefined
  if (shape === undefined || value === undefined || axis === undefined) return [{ shape }]
  const stride = stridesOf(shape)[axis]!
  const isReverse = call.int('reverse', 0) === 1
  const isExclusive = call.int('exclusive', 0) === 1
  const [sums, numbers] = [[...value.numbers], Array<number>(value.numbers.length).fill(0)]
  for (let i = 0; i < sums.length; i++) {
    const flat = isReverse ? sums.length - 1 - i : i
    const before = isReverse ? flat + stride : flat - stride
    const at = Math.floor(flat / stride) % shape[axis]!
    const sum = at === (isReverse ? shape[axis]! - 1 : 0) ? 0 : sums[before]!
    sums[flat]! += sum
    numbers[flat] = isExclusive ? sum : sums[flat]!
  }
  return [{ shape, value: { type: value.type, numbers } }]
}

function triangle(call: OperatorCall): Facts {
  const [shape, value] = [call.shape(0), call.value(0)]
  const diagonal = call.has(1) ? call.value(1)?.numbers[0] : 0
  if (shape === undefined || value === undefined || diagonal === undefined || shape.length < 2) return [{ shape }]
  const isUpper = call.int('upper', 1) === 1
  const numbers = forEachPosition(shape, (position, flat) => {
    const beyond = position.at(-1)! - position.at(-2)! - diagonal
    return (isUpper ? beyond >= 0 : beyond <= 0) ? value.numbers[flat]! : 0
  })
  return [{ shape, value: { type: value.type, numbers } }]
}

const same: ShapeRule = (call) => [{ shape: call.shape(0) }]

/** Operators that choose elements by their positions, change some of them, or tell where they are. */
export const pick: ShapeRules = {
  Slice: slice,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  ScatterElements: scatterElements,
  Scatter: scatterElements,
  ScatterND: scatterNd,
  TopK: topK,
  ArgMax: argument,
  ArgMin: argument,
  NonZero: nonZero,
  NonMaxSuppression: nonMaxSuppression,
  Compress: compress,
  Unique: unique,
  CumSum: cumulate,
  Trilu: triangle,
  ReverseSequence: same,
  TensorScatter: same,
}

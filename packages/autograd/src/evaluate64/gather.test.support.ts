import { type Array64, array, at, axisOf, eachIndex, filled, flatOf } from './array.test.support.js'
import type { Call, Operators } from './call.test.support.js'

export const gather: Operators = {
  Gather: (call) => {
    const [x, indices] = [call.input(0), call.input(1)]
    const axis = axisOf(call.int('axis', 0), x.shape.length)
    const rank = indices.shape.length
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]
    const position = (index: readonly number[]) => axisIndex(at(indices, index.slice(axis, axis + rank)), x.shape[axis]!)
    return [filled(shape, (index) => at(x, [...index.slice(0, axis), position(index), ...index.slice(axis + rank)]), x.type)]
  },
  GatherElements: (call) => {
    const [x, indices] = [call.input(0), call.input(1)]
    const axis = axisOf(call.int('axis', 0), x.shape.length)
    return [filled(indices.shape, (index) => at(x, replaced(index, axis, axisIndex(at(indices, index), x.shape[axis]!))), x.type)]
  },
  GatherND: (call) => {
    const [x, indices] = [call.input(0), call.input(1)]
    const batches = call.int('batch_dims', 0)
    const depth = indices.shape.at(-1)!
    const places = indices.shape.slice(0, -1)
    const shape = [...places, ...x.shape.slice(batches + depth)]
    return [
      filled(
        shape,
        (index) => {
          const place = index.slice(0, places.length)
          const start = place.slice(0, batches)
          const own = vector(indices, place, depth).map((each, i) => axisIndex(each, x.shape[batches + i]!))
          return at(x, [...start, ...own, ...index.slice(places.length)])
        },
        x.type,
      ),
    ]
  },
  ScatterElements: scatterElements,
  Scatter: scatterElements,
  ScatterND: (call) => {
    const [x, indices, updates] = [call.input(0), call.input(1), call.input(2)]
    const combine = combination(call)
    const depth = indices.shape.at(-1)!
    const places = indices.shape.slice(0, -1)
    const data = x.data.slice()
    eachIndex(updates.shape, (index, flat) => {
      const own = vector(indices, index.slice(0, places.length), depth).map((each, i) => axisIndex(each, x.shape[i]!))
      const target = flatOf(x.shape, [...own, ...index.slice(places.length)])
      data[target] = combine(data[target]!, updates.data[flat]!)
    })
    return [array(x.shape, data, x.type)]
  },
  OneHot: (call) => {
    const [indices, depth, values] = [call.input(0), call.input(1).data[0]!, call.input(2)]
    const axis = axisOf(call.int('axis', -1), indices.shape.length + 1)
    const shape = [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)]
    const hot = (index: readonly number[]) =>
      at(
        indices,
        index.filter((_, i) => i !== axis),
      )
    return [
      filled(
        shape,
        (index) => values.data[Number(index[axis] === (hot(index) < 0 ? hot(index) + depth : hot(index)))]!,
        values.type,
      ),
    ]
  },
  NonZero: (call) => {
    const x = call.input(0)
    const positions: number[][] = []
    eachIndex(x.shape, (index, flat) => {
      if (x.data[flat] !== 0) positions.push([...index])
    })
    return [filled([x.shape.length, positions.length], (index) => positions[index[1]!]![index[0]!]!, 'int64')]
  },
}

function scatterElements(call: Call): Array64[] {
  const [x, indices, updates] = [call.input(0), call.input(1), call.input(2)]
  const axis = axisOf(call.int('axis', 0), x.shape.length)
  const combine = combination(call)
  const data = x.data.slice()
  eachIndex(indices.shape, (index, flat) => {
    const target = flatOf(x.shape, replaced(index, axis, axisIndex(indices.data[flat]!, x.shape[axis]!)))
    data[target] = combine(data[target]!, updates.data[flat]!)
  })
  return [array(x.shape, data, x.type)]
}

function combination(call: Call): (old: number, update: number) => number {
  const reduction = call.string('reduction', 'none')
  if (reduction === 'none') return (_, update) => update
  if (reduction === 'add') return (old, update) => old + update
  if (reduction === 'mul') return (old, update) => old * update
  return reduction === 'max' ? Math.max : Math.min
}

function axisIndex(index: number, size: number): number {
  const positive = index < 0 ? index + size : index
  if (!(positive >= 0 && positive < size)) throw new RangeError(`index ${index} of ${size}`)
  return positive
}

function replaced(index: readonly number[], axis: number, by: number): number[] {
  return index.map((each, i) => (i === axis ? by : each))
}

function vector(indices: Array64, place: readonly number[], depth: number): number[] {
  const start = flatOf(indices.shape.slice(0, -1), place) * depth
  return [...indices.data.subarray(start, start + depth)]
}

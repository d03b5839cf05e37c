import {
  type Array64,
  array,
  at,
  axisOf,
  broadcastOffsets,
  broadcastShape,
  count,
  filled,
  reshaped,
} from './array.test.support.js'
import { type Call, listed, type Operators, Unsupported } from './call.test.support.js'

export const arrange: Operators = {
  Transpose: (call) => {
    const x = call.input(0)
    const perm = call.numbers('perm') ?? x.shape.map((_, axis) => x.shape.length - 1 - axis)
    const back = x.shape.map((_, axis) => perm.indexOf(axis))
    return [
      filled(
        perm.map((axis) => x.shape[axis]!),
        (index) =>
          at(
            x,
            back.map((place) => index[place]!),
          ),
        x.type,
      ),
    ]
  },
  Reshape: (call) => {
    const x = call.input(0)
    const target = listed(call, 'shape', 1)!
    const zeros = call.int('allowzero', 0) === 1
    const sizes = target.map((size, axis) => (size === 0 && !zeros ? x.shape[axis]! : size))
    const product = count(sizes.filter((size) => size >= 0))
    return [
      reshaped(
        x,
        sizes.map((size) => (size < 0 ? x.data.length / product : size)),
      ),
    ]
  },
  Flatten: (call) => {
    const x = call.input(0)
    const axis = call.int('axis', 1)
    const from = axis < 0 ? axis + x.shape.length : axis
    return [reshaped(x, [count(x.shape.slice(0, from)), count(x.shape.slice(from))])]
  },
  Squeeze: (call) => {
    const x = call.input(0)
    const axes = listed(call, 'axes', 1)?.map((axis) => axisOf(axis, x.shape.length))
    return [
      reshaped(
        x,
        x.shape.filter((size, axis) => (axes === undefined ? size !== 1 : !axes.includes(axis))),
      ),
    ]
  },
  Unsqueeze: (call) => {
    const x = call.input(0)
    const list = listed(call, 'axes', 1)!
    const rank = x.shape.length + list.length
    const axes = list.map((axis) => axisOf(axis, rank))
    const left = [...x.shape]
    return [
      reshaped(
        x,
        Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : left.shift()!)),
      ),
    ]
  },
  Slice: (call) => [slice(call)],
  Pad: (call) => [pad(call)],
  Concat: (call) => {
    const inputs = call.inputs.map((_, i) => call.input(i))
    const axis = axisOf(call.int('axis', 1), inputs[0]!.shape.length)
    const ends = inputs.map((_, i) => inputs.slice(0, i + 1).reduce((sum, { shape }) => sum + shape[axis]!, 0))
    const shape = inputs[0]!.shape.map((size, i) => (i === axis ? ends.at(-1)! : size))
    const value = (index: readonly number[]) => {
      const which = ends.findIndex((end) => index[axis]! < end)
      return at(
        inputs[which]!,
        index.map((each, i) => (i === axis ? each - (ends[which - 1] ?? 0) : each)),
      )
    }
    return [filled(shape, value, inputs[0]!.type)]
  },
  Split: (call) => {
    const x = call.input(0)
    const axis = axisOf(call.int('axis', 0), x.shape.length)
    const parts = call.node.outputs.length
    const largest = Math.ceil(x.shape[axis]! / parts)
    const even = Array.from({ length: parts }, (_, i) => Math.min(largest, x.shape[axis]! - i * largest))
    const sizes = listed(call, 'split', 1) ?? even
    let start = 0
    return sizes.map((size) => {
      const from = start
      start += size
      return filled(
        x.shape.map((each, i) => (i === axis ? size : each)),
        (index) =>
          at(
            x,
            index.map((each, i) => (i === axis ? each + from : each)),
          ),
        x.type,
      )
    })
  },
  Expand: (call) => {
    const x = call.input(0)
    const shape = broadcastShape(x.shape, [...call.input(1).data])
    return [
      array(
        shape,
        Float64Array.from(broadcastOffsets(x.shape, shape), (offset) => x.data[offset]!),
        x.type,
      ),
    ]
  },
  Tile: (call) => {
    const x = call.input(0)
    const repeats = call.input(1).data
    return [
      filled(
        x.shape.map((size, axis) => size * repeats[axis]!),
        (index) =>
          at(
            x,
            index.map((each, axis) => each % x.shape[axis]!),
          ),
        x.type,
      ),
    ]
  },
  Trilu: (call) => {
    const x = call.input(0)
    const k = call.inputs[1]?.data[0] ?? 0
    const upper = call.int('upper', 1) === 1
    const kept = (row: number, column: number) => (upper ? column - row >= k : column - row <= k)
    return [filled(x.shape, (index) => (kept(index.at(-2)!, index.at(-1)!) ? at(x, index) : 0), x.type)]
  },
  DepthToSpace: (call) => {
    const x = call.input(0)
    const block = call.int('blocksize', 1)
    const [batch, channels, height, width] = x.shape as [number, number, number, number]
    const depth = channels / block ** 2
    const columnFirst = call.string('mode', 'DCR') === 'CRD'
    const source = ([n, c, h, w]: readonly number[]) => {
      const within = (h! % block) * block + (w! % block)
      const channel = columnFirst ? c! * block ** 2 + within : within * depth + c!
      return [n!, channel, Math.floor(h! / block), Math.floor(w! / block)]
    }
    return [filled([batch, depth, height * block, width * block], (index) => at(x, source(index)), x.type)]
  },
  SpaceToDepth: (call) => {
    const x = call.input(0)
    const block = call.int('blocksize', 1)
    const [batch, channels, height, width] = x.shape as [number, number, number, number]
    const source = ([n, c, h, w]: readonly number[]) => {
      const within = Math.floor(c! / channels)
      return [n!, c! % channels, h! * block + Math.floor(within / block), w! * block + (within % block)]
    }
    return [filled([batch, channels * block ** 2, height / block, width / block], (index) => at(x, source(index)), x.type)]
  },
}

function slice(call: Call): Array64 {
  const x = call.input(0)
  const starts = listed(call, 'starts', 1)!
  const ends = listed(call, 'ends', 2)!
  const axes = (listed(call, 'axes', 3) ?? starts.map((_, i) => i)).map((axis) => axisOf(axis, x.shape.length))
  const steps = call.inputs[4]?.data ?? starts.map(() => 1)
  const ranges = x.shape.map((size, axis) => {
    const position = axes.indexOf(axis)
    if (position < 0) return { from: 0, step: 1, size }
    const step = steps[position]!
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1]
    const bounded = (end: number) => Math.min(high, Math.max(low, end < 0 ? end + size : end))
    const from = step > 0 ? bounded(starts[position]!) : Math.max(0, bounded(starts[position]!))
    return { from, step, size: Math.max(0, Math.ceil((bounded(ends[position]!) - from) / step)) }
  })
  const source = (index: readonly number[]) => index.map((each, axis) => ranges[axis]!.from + each * ranges[axis]!.step)
  return filled(
    ranges.map(({ size }) => size),
    (index) => at(x, source(index)),
    x.type,
  )
}

function pad(call: Call): Array64 {
  const x = call.input(0)
  const pads = listed(call, 'pads', 1)!
  const axes = (call.inputs[3] === undefined ? x.shape.map((_, axis) => axis) : [...call.input(3).data]).map((axis) =>
    axisOf(axis, x.shape.length),
  )
  const begin = x.shape.map((_, axis) => pads[axes.indexOf(axis)] ?? 0)
  const end = x.shape.map((_, axis) => (axes.includes(axis) ? pads[axes.indexOf(axis) + axes.length]! : 0))
  const mode = call.string('mode', 'constant')
  const constant = call.inputs[2]?.data[0] ?? call.float('value', 0)
  const place = (at: number, size: number): number | undefined => {
    if (at >= 0 && at < size) return at
    if (mode === 'constant') return undefined
    if (mode === 'edge') return Math.max(0, Math.min(size - 1, at))
    if (mode === 'wrap') return ((at % size) + size) % size
    if (mode !== 'reflect') throw new Unsupported(`Pad of mode ${mode}`)
    const period = Math.max(1, 2 * (size - 1))
    const within = ((at % period) + period) % period
    return Math.min(within, period - within)
  }
  const shape = x.shape.map((size, axis) => size + begin[axis]! + end[axis]!)
  return filled(
    shape,
    (index) => {
      const source = index.map((each, axis) => place(each - begin[axis]!, x.shape[axis]!))
      return source.includes(undefined) ? constant : at(x, source as number[])
    },
    x.type,
  )
}

import { type Array64, aroundAxis, array, axisOf, broadcastOffsets, count } from './array.test.support.js'
import { type Call, listed, type Operator, type Operators } from './call.test.support.js'

type Reduce = (values: readonly number[]) => number

const sum: Reduce = (values) => values.reduce((total, each) => total + each, 0)

const reductions: Readonly<Record<string, Reduce>> = {
  ReduceSum: sum,
  ReduceMean: (values) => sum(values) / values.length,
  ReduceMax: (values) => values.reduce((most, each) => Math.max(most, each), -Infinity),
  ReduceMin: (values) => values.reduce((least, each) => Math.min(least, each), Infinity),
  ReduceProd: (values) => values.reduce((product, each) => product * each, 1),
  ReduceL1: (values) => sum(values.map(Math.abs)),
  ReduceL2: (values) => Math.sqrt(sum(values.map((each) => each * each))),
  ReduceLogSum: (values) => Math.log(sum(values)),
  ReduceLogSumExp: (values) => {
    const most = Math.max(...values)
    return most + Math.log(sum(values.map((each) => Math.exp(each - most))))
  },
  ReduceSumSquare: (values) => sum(values.map((each) => each * each)),
}

export const reduction: Operators = {
  ...Object.fromEntries(Object.entries(reductions).map(([name, of]) => [name, reduced(of)])),
  ArgMax: (call) => [argument(call, (a, b) => a > b)],
  ArgMin: (call) => [argument(call, (a, b) => a < b)],
  CumSum: (call) => {
    const x = call.input(0)
    const [exclusive, reverse] = [call.int('exclusive', 0) === 1, call.int('reverse', 0) === 1]
    const { outer, size, inner } = aroundAxis(x, axisOf(call.input(1).data[0]!, x.shape.length))
    const data = new Float64Array(x.data.length)
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        let total = 0
        for (let step = 0; step < size; step++) {
          const at = (o * size + (reverse ? size - 1 - step : step)) * inner + i
          data[at] = exclusive ? total : total + x.data[at]!
          total += x.data[at]!
        }
      }
    }
    return [array(x.shape, data, x.type)]
  },
  TopK: (call) => topK(call),
}

function reduced(of: Reduce): Operator {
  return (call) => {
    const x = call.input(0)
    const list = listed(call, 'axes', 1)
    const none = call.int('noop_with_empty_axes', 0) === 1 ? [] : x.shape.map((_, axis) => axis)
    const axes = list === undefined || list.length === 0 ? none : list.map((axis) => axisOf(axis, x.shape.length))
    const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    const rows: number[][] = Array.from({ length: count(kept) }, () => [])
    for (const [i, row] of broadcastOffsets(kept, x.shape).entries()) rows[row]!.push(x.data[i]!)
    const shape = call.int('keepdims', 1) === 1 ? kept : kept.filter((_, axis) => !axes.includes(axis))
    return [array(shape, Float64Array.from(rows, of), x.type)]
  }
}

function argument(call: Call, better: (a: number, b: number) => boolean): Array64 {
  const x = call.input(0)
  const axis = axisOf(call.int('axis', 0), x.shape.length)
  const last = call.int('select_last_index', 0) === 1
  const { outer, size, inner } = aroundAxis(x, axis)
  const data = new Float64Array(outer * inner)
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const value = (k: number) => x.data[(o * size + k) * inner + i]!
      let best = 0
      for (let k = 1; k < size; k++) if (better(value(k), value(best)) || (last && value(k) === value(best))) best = k
      data[o * inner + i] = best
    }
  }
  const kept = x.shape.map((each, i) => (i === axis ? 1 : each))
  return array(call.int('keepdims', 1) === 1 ? kept : kept.filter((_, i) => i !== axis), data, 'int64')
}

/** Of equals the first stands first. */
function topK(call: Call): [Array64, Array64] {
  const x = call.input(0)
  const axis = axisOf(call.int('axis', -1), x.shape.length)
  const k = call.inputs[1]?.data[0] ?? call.int('k', 1)
  const sign = call.int('largest', 1) === 1 ? -1 : 1
  const { outer, size, inner } = aroundAxis(x, axis)
  const shape = x.shape.map((each, i) => (i === axis ? k : each))
  const [values, indices] = [new Float64Array(count(shape)), new Float64Array(count(shape))]
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const value = (at: number) => x.data[(o * size + at) * inner + i]!
      const order = Array.from({ length: size }, (_, at) => at).sort((a, b) => sign * (value(a) - value(b)) || a - b)
      for (let place = 0; place < k; place++) {
        values[(o * k + place) * inner + i] = value(order[place]!)
        indices[(o * k + place) * inner + i] = order[place]!
      }
    }
  }
  return [array(shape, values, x.type), array(shape, indices, 'int64')]
}

import { type Array64, array, count } from './array.test.support.js'
import type { Operators } from './call.test.support.js'
import { tapsOf, type Window, windowOf } from './window.test.support.js'

export const pooling: Operators = {
  MaxPool: (call) => {
    const x = call.input(0)
    return maxPool(x, windowOf(call, x.shape.slice(2), call.numbers('kernel_shape')!), call.int('storage_order', 0) === 1)
  },
  AveragePool: (call) => {
    const x = call.input(0)
    const withPads = call.int('count_include_pad', 0) === 1
    const window = windowOf(call, x.shape.slice(2), call.numbers('kernel_shape')!)
    return [pooled(x, window, (values, taps) => sum(values) / (withPads ? taps.filter((tap) => tap > -2).length : values.length))]
  },
  LpPool: (call) => {
    const x = call.input(0)
    const p = call.int('p', 2)
    const window = windowOf(call, x.shape.slice(2), call.numbers('kernel_shape')!)
    return [pooled(x, window, (values) => norm(values, p))]
  },
  GlobalAveragePool: (call) => [pooled(call.input(0), whole(call.input(0)), (values) => sum(values) / values.length)],
  GlobalMaxPool: (call) => [pooled(call.input(0), whole(call.input(0)), (values) => Math.max(...values))],
  GlobalLpPool: (call) => [pooled(call.input(0), whole(call.input(0)), (values) => norm(values, call.int('p', 2)))],
}

function whole(x: Array64): Window {
  const size = x.shape.slice(2)
  const [ones, zeros] = [size.map(() => 1), size.map(() => 0)]
  return { size, kernel: size, strides: ones, dilations: ones, begin: zeros, end: zeros, out: ones }
}

/** `of` gets what the window sees of the input, and all its taps. */
function pooled(x: Array64, window: Window, of: (values: readonly number[], taps: readonly number[]) => number): Array64 {
  const planes = x.shape[0]! * x.shape[1]!
  const [size, width, positions] = [count(window.size), count(window.kernel), count(window.out)]
  const taps = tapsOf(window)
  const data = new Float64Array(planes * positions)
  for (let plane = 0; plane < planes; plane++) {
    for (let o = 0; o < positions; o++) {
      const own = [...taps.subarray(o * width, (o + 1) * width)]
      const values = own.filter((tap) => tap >= 0).map((tap) => x.data[plane * size + tap]!)
      data[plane * positions + o] = of(values, own)
    }
  }
  return array([x.shape[0]!, x.shape[1]!, ...window.out], data, x.type)
}

/** The largest of each window, and where in x it stands, the first of equals. In column order the last two axes are swapped. */
function maxPool(x: Array64, window: Window, columnOrder: boolean): [Array64, Array64] {
  const planes = x.shape[0]! * x.shape[1]!
  const [size, width, positions] = [count(window.size), count(window.kernel), count(window.out)]
  const [height, breadth] = window.size.slice(-2) as [number, number]
  const taps = tapsOf(window)
  const data = new Float64Array(planes * positions)
  const indices = new Float64Array(planes * positions)
  for (let plane = 0; plane < planes; plane++) {
    for (let o = 0; o < positions; o++) {
      let [best, peak] = [-Infinity, -1]
      for (const tap of taps.subarray(o * width, (o + 1) * width)) {
        if (tap >= 0 && x.data[plane * size + tap]! > best) [best, peak] = [x.data[plane * size + tap]!, tap]
      }
      data[plane * positions + o] = best
      const place = columnOrder ? (peak % breadth) * height + Math.floor(peak / breadth) : peak
      indices[plane * positions + o] = plane * size + place
    }
  }
  const shape = [x.shape[0]!, x.shape[1]!, ...window.out]
  return [array(shape, data, x.type), array(shape, indices, 'int64')]
}

function sum(values: readonly number[]): number {
  return values.reduce((total, each) => total + each, 0)
}

function norm(values: readonly number[], p: number): number {
  return sum(values.map((each) => Math.abs(each) ** p)) ** (1 / p)
}

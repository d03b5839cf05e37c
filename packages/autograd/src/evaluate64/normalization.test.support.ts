import { type Array64, aroundAxis, array, axisOf, broadcastOffsets, count } from './array.test.support.js'
import type { Call, Operators } from './call.test.support.js'

export const normalization: Operators = {
  BatchNormalization: (call) => batchNormalization(call),
  InstanceNormalization: (call) => {
    const x = call.input(0)
    const { y } = standardised(x, count(x.shape.slice(2)), call.float('epsilon', 1e-5))
    return [perChannel(y, call.input(1).data, call.input(2).data)]
  },
  GroupNormalization: (call) => {
    const x = call.input(0)
    const groups = call.int('num_groups', 1)
    const perGroup = x.shape[1]! / groups
    const { y } = standardised(x, perGroup * count(x.shape.slice(2)), call.float('epsilon', 1e-5))
    // Before version 21 scale and bias are of groups.
    const spread = (of: Array64) =>
      of.shape[0] === groups ? Float64Array.from({ length: x.shape[1]! }, (_, c) => of.data[Math.floor(c / perGroup)]!) : of.data
    return [perChannel(y, spread(call.input(1)), spread(call.input(2)))]
  },
  LayerNormalization: (call) => {
    const x = call.input(0)
    const axis = axisOf(call.int('axis', -1), x.shape.length)
    const { y, mean, inverse } = standardised(x, count(x.shape.slice(axis)), call.float('epsilon', 1e-5))
    const rows = x.shape.map((size, i) => (i < axis ? size : 1))
    return [affine(y, call.input(1), call.inputs[2]), array(rows, mean), array(rows, inverse)]
  },
  RMSNormalization: rmsNormalization,
  SimplifiedLayerNormalization: rmsNormalization,
  LpNormalization: (call) => {
    const x = call.input(0)
    const p = call.int('p', 2)
    return [
      overAxis(x, call.int('axis', -1), (row) => {
        const norm = row.reduce((sum, each) => sum + Math.abs(each) ** p, 0) ** (1 / p)
        return row.map((each) => (norm === 0 ? 0 : each / norm))
      }),
    ]
  },
  MeanVarianceNormalization: (call) => {
    const x = call.input(0)
    const axes = (call.numbers('axes') ?? [0, 2, 3]).map((axis) => axisOf(axis, x.shape.length))
    const rows = broadcastOffsets(
      x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size)),
      x.shape,
    )
    const mean = averages(x.data, rows)
    const centred = x.data.map((each, i) => each - mean[rows[i]!]!)
    const variance = averages(
      centred.map((each) => each * each),
      rows,
    )
    return [
      array(
        x.shape,
        centred.map((each, i) => each / (Math.sqrt(variance[rows[i]!]!) + 1e-9)),
      ),
    ]
  },
  LRN: (call) => {
    const x = call.input(0)
    const [size, bias] = [call.int('size', 1), call.float('bias', 1)]
    const [alpha, beta] = [call.float('alpha', 1e-4), call.float('beta', 0.75)]
    return [
      overAxis(x, 1, (row) =>
        row.map((each, c) => {
          const window = row.slice(Math.max(0, c - Math.floor((size - 1) / 2)), c + Math.ceil((size - 1) / 2) + 1)
          return each / (bias + (alpha / size) * window.reduce((sum, other) => sum + other * other, 0)) ** beta
        }),
      ),
    ]
  },
  Softmax: (call) => [softmax(call)],
  LogSoftmax: (call) => [logSoftmax(call.input(0), ...softmaxAxis(call))],
  Hardmax: (call) => [
    overRows(call.input(0), ...softmaxAxis(call), (row) => {
      const best = row.indexOf(Math.max(...row))
      return row.map((_, i) => Number(i === best))
    }),
  ],
}

function batchNormalization(call: Call): Array64[] {
  const [x, scale, bias] = [call.input(0), call.input(1), call.input(2)]
  const [storedMean, storedVariance] = [call.input(3), call.input(4)]
  const epsilon = call.float('epsilon', 1e-5)
  const channels = x.shape[1] ?? 1
  const inner = count(x.shape.slice(2))
  const channelOf = Int32Array.from(x.data, (_, i) => Math.floor(i / inner) % channels)
  const normalised = (mean: Float64Array, variance: Float64Array): Array64 =>
    array(
      x.shape,
      x.data.map((each, i) => {
        const c = channelOf[i]!
        return ((each - mean[c]!) / Math.sqrt(variance[c]! + epsilon)) * scale.data[c]! + bias.data[c]!
      }),
    )
  if (call.int('training_mode', 0) === 0) return [normalised(storedMean.data, storedVariance.data)]
  const momentum = call.float('momentum', 0.9)
  const mean = averages(x.data, channelOf)
  const variance = averages(
    x.data.map((each, i) => (each - mean[channelOf[i]!]!) ** 2),
    channelOf,
  )
  const running = (stored: Array64, batch: Float64Array): Array64 =>
    array(
      stored.shape,
      stored.data.map((old, c) => old * momentum + batch[c]! * (1 - momentum)),
    )
  return [normalised(mean, variance), running(storedMean, mean), running(storedVariance, variance)]
}

/** Averages of the elements that `rows` sends to the same place. */
function averages(data: Float64Array, rows: Int32Array): Float64Array {
  const places = rows.reduce((most, row) => Math.max(most, row + 1), 0)
  const [sums, counts] = [new Float64Array(places), new Float64Array(places)]
  for (const [i, row] of rows.entries()) {
    sums[row]! += data[i]!
    counts[row]!++
  }
  return sums.map((sum, row) => sum / counts[row]!)
}

/** Stretches of `length` elements with mean 0 and variance 1: (x − mean) ÷ √(variance + ε). */
function standardised(x: Array64, length: number, epsilon: number): { y: Array64; mean: Float64Array; inverse: Float64Array } {
  const rows = Int32Array.from(x.data, (_, i) => Math.floor(i / length))
  const mean = averages(x.data, rows)
  const variance = averages(
    x.data.map((each, i) => (each - mean[rows[i]!]!) ** 2),
    rows,
  )
  const inverse = variance.map((each) => 1 / Math.sqrt(each + epsilon))
  return {
    y: array(
      x.shape,
      x.data.map((each, i) => (each - mean[rows[i]!]!) * inverse[rows[i]!]!),
    ),
    mean,
    inverse,
  }
}

function rmsNormalization(call: Call): Array64[] {
  const x = call.input(0)
  const axis = axisOf(call.int('axis', -1), x.shape.length)
  const length = count(x.shape.slice(axis))
  const rows = Int32Array.from(x.data, (_, i) => Math.floor(i / length))
  const epsilon = call.float('epsilon', 1e-5)
  const inverse = averages(
    x.data.map((each) => each * each),
    rows,
  ).map((each) => 1 / Math.sqrt(each + epsilon))
  const y = array(
    x.shape,
    x.data.map((each, i) => each * inverse[rows[i]!]!),
  )
  return [
    affine(y, call.input(1), call.inputs[2]),
    array(
      x.shape.map((size, i) => (i < axis ? size : 1)),
      inverse,
    ),
  ]
}

/** y · scale + bias, both broadcast from the last axes. */
function affine(y: Array64, scale: Array64, bias: Array64 | undefined): Array64 {
  const scales = broadcastOffsets(scale.shape, y.shape)
  const biases = bias && broadcastOffsets(bias.shape, y.shape)
  return array(
    y.shape,
    y.data.map((each, i) => each * scale.data[scales[i]!]! + (biases ? bias.data[biases[i]!]! : 0)),
  )
}

function perChannel(y: Array64, scale: Float64Array, bias: Float64Array): Array64 {
  const inner = count(y.shape.slice(2))
  const channel = (i: number) => Math.floor(i / inner) % y.shape[1]!
  return array(
    y.shape,
    y.data.map((each, i) => each * scale[channel(i)]! + bias[channel(i)]!),
  )
}

/** Before version 13 all axes from `axis` on are one. */
function softmaxAxis(call: Call): [axis: number, flattened: boolean] {
  return call.opset < 13 ? [call.int('axis', 1), true] : [call.int('axis', -1), false]
}

function softmax(call: Call): Array64 {
  return overRows(call.input(0), ...softmaxAxis(call), (row) => {
    const most = Math.max(...row)
    const powers = row.map((each) => Math.exp(each - most))
    const total = powers.reduce((sum, each) => sum + each, 0)
    return powers.map((each) => each / total)
  })
}

export function logSoftmax(x: Array64, axis: number, flattened: boolean): Array64 {
  return overRows(x, axis, flattened, (row) => {
    const most = Math.max(...row)
    const total = Math.log(row.reduce((sum, each) => sum + Math.exp(each - most), 0))
    return row.map((each) => each - most - total)
  })
}

function overRows(x: Array64, axis: number, flattened: boolean, of: (row: number[]) => number[]): Array64 {
  if (!flattened) return overAxis(x, axis, of)
  const from = axis < 0 ? axis + x.shape.length : axis
  const flat = { ...x, shape: [count(x.shape.slice(0, from)), count(x.shape.slice(from))] }
  return { ...overAxis(flat, 1, of), shape: x.shape }
}

/** Each row along an axis replaced by as many numbers. */
function overAxis(x: Array64, along: number, of: (row: number[]) => number[]): Array64 {
  const { outer, size, inner } = aroundAxis(x, axisOf(along, x.shape.length))
  const data = new Float64Array(x.data.length)
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const place = (k: number) => (o * size + k) * inner + i
      const row = of(Array.from({ length: size }, (_, k) => x.data[place(k)]!))
      for (const [k, each] of row.entries()) data[place(k)] = each
    }
  }
  return array(x.shape, data, x.type)
}

import { type Array64, array, count } from './array.test.support.js'
import type { Call, Operators } from './call.test.support.js'
import { tapsOf, type Window, windowOf } from './window.test.support.js'

export const convolution: Operators = {
  Conv: (call) => {
    const [x, w] = [call.input(0), call.input(1)]
    const window = windowOf(call, x.shape.slice(2), w.shape.slice(2))
    return [withBias(conv(x, w, window, call.int('group', 1)), call.inputs[2])]
  },
  ConvTranspose: (call) => {
    const [x, w] = [call.input(0), call.input(1)]
    return [withBias(convTranspose(x, w, transposedWindow(call, x, w), call.int('group', 1)), call.inputs[2])]
  },
}

/** y[n, m, o] = Σ over c, k of w[m, c, k] · x[n, channel of m's group, where the window at o has k]. */
function conv(x: Array64, w: Array64, window: Window, groups: number): Array64 {
  const [batch, channels] = x.shape as [number, number]
  const [outChannels, perGroup] = w.shape as [number, number]
  const [size, width, positions] = [count(window.size), count(window.kernel), count(window.out)]
  const taps = tapsOf(window)
  const data = new Float64Array(batch * outChannels * positions)
  for (let n = 0; n < batch; n++) {
    for (let m = 0; m < outChannels; m++) {
      const group = Math.floor(m / (outChannels / groups))
      const target = (n * outChannels + m) * positions
      for (let c = 0; c < perGroup; c++) {
        const source = (n * channels + group * perGroup + c) * size
        const weight = (m * perGroup + c) * width
        for (let o = 0; o < positions; o++) {
          let sum = 0
          for (let k = 0; k < width; k++) {
            const tap = taps[o * width + k]!
            if (tap >= 0) sum += w.data[weight + k]! * x.data[source + tap]!
          }
          data[target + o]! += sum
        }
      }
    }
  }
  return array([batch, outChannels, ...window.out], data)
}

/** The transpose of `conv` in x: each element of x is spread where the window at its place stands. `window.size` is the output's, `window.out` that of x. */
function convTranspose(x: Array64, w: Array64, window: Window, groups: number): Array64 {
  const [batch, channels] = x.shape as [number, number]
  const perGroup = w.shape[1]!
  const outChannels = perGroup * groups
  const [size, width, positions] = [count(window.size), count(window.kernel), count(window.out)]
  const taps = tapsOf(window)
  const data = new Float64Array(batch * outChannels * size)
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      const group = Math.floor(c / (channels / groups))
      for (let m = 0; m < perGroup; m++) {
        const target = (n * outChannels + group * perGroup + m) * size
        for (let o = 0; o < positions; o++) {
          const value = x.data[(n * channels + c) * positions + o]!
          for (let k = 0; k < width; k++) {
            const tap = taps[o * width + k]!
            if (tap >= 0) data[target + tap]! += value * w.data[(c * perGroup + m) * width + k]!
          }
        }
      }
    }
  }
  return array([batch, outChannels, ...window.size], data)
}

/** size = stride · (in − 1) + output padding + dilation · (kernel − 1) + 1 − pads; where the size is given, the pads follow from it. */
function transposedWindow(call: Call, x: Array64, w: Array64): Window {
  const out = x.shape.slice(2)
  const kernel = w.shape.slice(2)
  const axes = out.map((_, axis) => axis)
  const strides = call.numbers('strides') ?? axes.map(() => 1)
  const dilations = call.numbers('dilations') ?? axes.map(() => 1)
  const extra = call.numbers('output_padding') ?? axes.map(() => 0)
  const whole = axes.map((axis) => strides[axis]! * (out[axis]! - 1) + extra[axis]! + dilations[axis]! * (kernel[axis]! - 1) + 1)
  const autoPad = call.string('auto_pad', 'NOTSET')
  const same = autoPad.startsWith('SAME') ? axes.map((axis) => out[axis]! * strides[axis]!) : undefined
  const target = call.numbers('output_shape')?.slice(-out.length) ?? same
  const pads = call.numbers('pads') ?? [...axes, ...axes].map(() => 0)
  const total = axes.map((axis) => (target === undefined ? pads[axis]! + pads[axis + out.length]! : whole[axis]! - target[axis]!))
  // Which half of an odd padding is larger: at the end for SAME_UPPER, at the beginning otherwise.
  const halves = total.map((pad) => (autoPad === 'SAME_UPPER' ? Math.floor(pad / 2) : Math.ceil(pad / 2)))
  const begin = target === undefined ? pads.slice(0, out.length) : halves
  const size = axes.map((axis) => whole[axis]! - total[axis]!)
  return { size, kernel, strides, dilations, begin, end: total.map((pad, axis) => pad - begin[axis]!), out }
}

function withBias(y: Array64, bias: Array64 | undefined): Array64 {
  if (bias === undefined) return y
  const size = count(y.shape.slice(2))
  return array(
    y.shape,
    y.data.map((each, i) => each + bias.data[Math.floor(i / size) % y.shape[1]!]!),
  )
}

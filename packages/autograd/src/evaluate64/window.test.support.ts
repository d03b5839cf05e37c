import { count, eachIndex } from './array.test.support.js'
import type { Call } from './call.test.support.js'

/** A window that slides over spatial axes: one entry an axis. */
export interface Window {
  readonly size: readonly number[]
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly begin: readonly number[]
  readonly end: readonly number[]
  /** Positions of the window. */
  readonly out: readonly number[]
}

/** The window of a convolution or a pooling, from its attributes. */
export function windowOf(call: Call, size: readonly number[], kernel: readonly number[]): Window {
  const axes = size.map((_, axis) => axis)
  const strides = call.numbers('strides') ?? axes.map(() => 1)
  const dilations = call.numbers('dilations') ?? axes.map(() => 1)
  const reach = axes.map((axis) => dilations[axis]! * (kernel[axis]! - 1) + 1)
  const autoPad = call.string('auto_pad', 'NOTSET')
  if (autoPad.startsWith('SAME')) {
    const out = axes.map((axis) => Math.ceil(size[axis]! / strides[axis]!))
    const total = axes.map((axis) => Math.max(0, (out[axis]! - 1) * strides[axis]! + reach[axis]! - size[axis]!))
    const less = total.map((pad) => Math.floor(pad / 2))
    const more = total.map((pad) => Math.ceil(pad / 2))
    const [begin, end] = autoPad === 'SAME_UPPER' ? [less, more] : [more, less]
    return { size, kernel, strides, dilations, begin, end, out }
  }
  const pads = autoPad === 'VALID' ? undefined : call.numbers('pads')
  const begin = axes.map((axis) => pads?.[axis] ?? 0)
  const end = axes.map((axis) => pads?.[axis + size.length] ?? 0)
  const ceil = call.int('ceil_mode', 0) === 1
  const out = axes.map((axis) => {
    const steps = (size[axis]! + begin[axis]! + end[axis]! - reach[axis]!) / strides[axis]!
    if (!ceil) return Math.floor(steps) + 1
    // A window that would begin behind the input and the padding before it is left out.
    const positions = Math.ceil(steps) + 1
    return (positions - 1) * strides[axis]! >= size[axis]! + begin[axis]! ? positions - 1 : positions
  })
  return { size, kernel, strides, dilations, begin, end, out }
}

/** For each position of the window and each element of the kernel the spatial element it stands on, −1 in the padding, −2 behind it: i32[out, kernel]. */
export function tapsOf({ size, kernel, strides, dilations, begin, end, out }: Window): Int32Array {
  const width = count(kernel)
  const taps = new Int32Array(count(out) * width)
  eachIndex(out, (o, position) => {
    eachIndex(kernel, (k, element) => {
      let flat = 0
      let [inside, padded] = [true, true]
      for (let axis = 0; axis < size.length; axis++) {
        const at = o[axis]! * strides[axis]! + k[axis]! * dilations[axis]! - begin[axis]!
        if (at < 0 || at >= size[axis]!) inside = false
        if (at >= size[axis]! + end[axis]!) padded = false
        flat = flat * size[axis]! + at
      }
      taps[position * width + element] = inside ? flat : padded ? -1 : -2
    })
  })
  return taps
}

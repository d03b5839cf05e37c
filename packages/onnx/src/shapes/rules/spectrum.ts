import { axisOf, each, type Facts, type OperatorCall, type ShapeRules, shaped } from './rule.js'

/** Half of the frequencies, where the others mirror them. */
const oneSide = (length: number) => Math.floor(length / 2) + 1

/** [..., length, …, 1 or 2] → [..., frequencies, …, 2]. The axis is an attribute before opset 20. */
function dft(call: OperatorCall): Facts {
  const x = call.shape(0)
  const isOld = call.opset < 20
  const attribute = isOld ? call.int('axis', 1) : call.has(2) ? call.value(2)?.numbers[0] : -2
  const axis = x === undefined || attribute === undefined ? undefined : axisOf(attribute, x.length)
  const length = call.has(1) ? call.value(1)?.numbers[0] : x?.[axis ?? -1]
  const isHalf = call.int('onesided', 0) === 1
  // Back from half of the frequencies to real numbers: versions differ in how many.
  if (x === undefined || axis === undefined || length === undefined || (isHalf && call.int('inverse', 0) === 1)) return []
  return shaped(x.map((size, i) => (i === x.length - 1 ? 2 : i === axis ? (isHalf ? oneSide(length) : length) : size)))
}

/** [batch, samples, 1 or 2] → [batch, frames, frequencies, 2]. A frame is as long as its window, unless its length is given. */
function stft(call: OperatorCall): Facts {
  const [x, step] = [call.shape(0), call.value(1)?.numbers[0]]
  const length = call.has(3) ? call.value(3)?.numbers[0] : call.has(2) ? call.shape(2)?.[0] : x?.[1]
  if (x?.[1] === undefined || step === undefined || length === undefined || !(step > 0)) return []
  const frames = Math.floor((x[1] - length) / step) + 1
  return shaped([x[0]!, frames, call.int('onesided', 1) === 1 ? oneSide(length) : length, 2])
}

/** Bins of a transform of this length × bands. */
function melWeights(call: OperatorCall): Facts {
  const [bands, length] = [0, 1].map((input) => call.value(input)?.numbers[0])
  return bands === undefined || length === undefined ? [] : shaped([oneSide(length), bands])
}

function window(call: OperatorCall): Facts {
  const size = call.value(0)?.numbers[0]
  return size === undefined ? [] : shaped([size])
}

/** Operators of sound. */
export const spectrum: ShapeRules = {
  DFT: dft,
  STFT: stft,
  MelWeightMatrix: melWeights,
  ...each('BlackmanWindow HammingWindow HannWindow', window),
}

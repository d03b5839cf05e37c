import { powerSpectrum } from './fourier.js'

/** How a sound is cut into frames, and what becomes of each. */
export interface Framing {
  /** f64[frame length]: each frame is multiplied by it. */
  readonly window: Float64Array
  /** Samples from one frame to the next. */
  readonly hop: number
  /** Of the Fourier transform: frames are filled up with 0. */
  readonly size: number
  /** Whether frames lie around their places, the ends mirrored. Else they lie within the sound. */
  readonly isCentered: boolean
  /** Whether each frame loses its mean and then 97 % of the sample before each, as Kaldi does it. */
  readonly isEmphasized: boolean
}

const EMPHASIS = 0.97

/** Σ over the power spectrum times each filter, at least `floor`: f64[filters] for each frame. */
export function melFrames(
  sound: Float32Array,
  { window, hop, size, isCentered, isEmphasized }: Framing,
  { filters, floor }: { readonly filters: readonly Float64Array[]; readonly floor: number },
): Float64Array[] {
  const length = window.length
  const source = isCentered ? mirrored(sound, length >> 1) : sound
  const count = source.length < length ? 0 : 1 + Math.floor((source.length - length) / hop)
  const spectrum = powerSpectrum(size)
  const bounds = filters.map(boundsOf)
  const frame = new Float64Array(size)
  return Array.from({ length: count }, (_, i) => {
    for (let at = 0; at < length; at++) frame[at] = source[i * hop + at]!
    if (isEmphasized) emphasize(frame, length)
    for (let at = 0; at < length; at++) frame[at]! *= window[at]!
    const power = spectrum(frame)
    return Float64Array.from(filters, (filter, f) => {
      let sum = 0
      for (let k = bounds[f]![0]; k < bounds[f]![1]; k++) sum += filter[k]! * power[k]!
      return Math.max(floor, sum)
    })
  })
}

function emphasize(frame: Float64Array, length: number): void {
  let sum = 0
  for (let at = 0; at < length; at++) sum += frame[at]!
  const mean = sum / length
  for (let at = 0; at < length; at++) frame[at]! -= mean
  for (let at = length - 1; at > 0; at--) frame[at]! -= EMPHASIS * frame[at - 1]!
  frame[0]! *= 1 - EMPHASIS
}

/** With `reach` samples before and behind, as in a mirror at its first and its last one. */
function mirrored(sound: Float32Array, reach: number): Float32Array {
  const result = new Float32Array(sound.length + 2 * reach)
  result.set(sound, reach)
  const last = sound.length - 1
  const period = Math.max(1, 2 * last)
  const inside = (at: number) => {
    const folded = ((at % period) + period) % period
    return folded > last ? period - folded : folded
  }
  for (let i = 0; i < reach; i++) {
    result[i] = sound[inside(i - reach)] ?? 0
    result[reach + sound.length + i] = sound[inside(sound.length + i)] ?? 0
  }
  return result
}

/** The stretch outside of which a filter is 0. */
function boundsOf(filter: Float64Array): readonly [number, number] {
  const first = filter.findIndex((weight) => weight > 0)
  return first < 0 ? [0, 0] : [first, filter.findLastIndex((weight) => weight > 0) + 1]
}

/** 0.5 − 0.5·cos: over `length` samples, or so that the next one would be that of the first again. */
export function hann(length: number, { isPeriodic }: { readonly isPeriodic: boolean }): Float64Array {
  const period = isPeriodic ? length : length - 1
  return Float64Array.from({ length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / period))
}

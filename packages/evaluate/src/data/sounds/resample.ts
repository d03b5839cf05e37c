/** Zero crossings of the low-pass filter on each side, and the shape of its Kaiser window: those of SciPy's `resample_poly`. */
const CROSSINGS = 10
const BETA = 5

/**
 * A sound at another rate, f32[⌈samples · to ÷ from⌉], as `scipy.signal.resample_poly` does it: a windowed sinc that cuts off at half the lower rate, sound being 0
 * beyond both ends. Cost: samples × 20 × the larger of 1 and from ÷ to.
 */
export function resample(sound: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return sound
  const common = divisor(from, to)
  const [up, down] = [to / common, from / common]
  const half = CROSSINGS * Math.max(up, down)
  const filter = lowPass(half, 1 / Math.max(up, down))
  const result = new Float32Array(Math.ceil((sound.length * up) / down))
  for (let m = 0; m < result.length; m++) {
    const center = m * down + half
    const first = Math.max(0, Math.ceil((center - 2 * half) / up))
    const last = Math.min(sound.length - 1, Math.floor(center / up))
    let sum = 0
    for (let i = first; i <= last; i++) sum += sound[i]! * filter[center - i * up]!
    result[m] = up * sum
  }
  return result
}

/** f64[2 · half + 1], with a sum of 1. */
function lowPass(half: number, cutoff: number): Float64Array {
  const taps = Float64Array.from({ length: 2 * half + 1 }, (_, n) => {
    const x = Math.PI * cutoff * (n - half)
    const window = bessel(BETA * Math.sqrt(Math.max(0, 1 - ((n - half) / half) ** 2))) / bessel(BETA)
    return (x === 0 ? 1 : Math.sin(x) / x) * window
  })
  const sum = taps.reduce((total, tap) => total + tap, 0)
  return taps.map((tap) => tap / sum)
}

/** The modified Bessel function of order 0, by its series Σ ((x ÷ 2)^k ÷ k!)². */
function bessel(x: number): number {
  let [sum, term] = [1, 1]
  for (let k = 1; term > 1e-17 * sum; k++) {
    term *= (x / 2 / k) ** 2
    sum += term
  }
  return sum
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}

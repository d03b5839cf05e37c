/** Of a prime size, or one as small as this, the sums are written out. */
const SMALL = 5

/**
 * |X[k]|² for k = 0 … n ÷ 2 of n real numbers, X being their discrete Fourier transform. Mixed radix (Cooley and Tukey 1965): its cost is n times the sum of n's
 * prime factors. Sizes of speech features are 400 and 512.
 */
export function powerSpectrum(n: number): (frame: Float64Array) => Float64Array {
  const table = {
    re: Float64Array.from({ length: n }, (_, k) => Math.cos((2 * Math.PI * k) / n)),
    im: Float64Array.from({ length: n }, (_, k) => -Math.sin((2 * Math.PI * k) / n)),
  }
  const [re, im] = [new Float64Array(n), new Float64Array(n)]
  return (frame) => {
    transform(frame, { re, im, table, n, at: 0, from: 0, step: 1 })
    return Float64Array.from({ length: Math.floor(n / 2) + 1 }, (_, k) => re[k]! ** 2 + im[k]! ** 2)
  }
}

interface Stretch {
  /** Where the result goes: `n` numbers from `at` on. */
  readonly re: Float64Array
  readonly im: Float64Array
  readonly at: number
  readonly n: number
  /** Which of the frame are transformed: from `from` on, each `step`th. */
  readonly from: number
  readonly step: number
  /** exp(−2πi·k ÷ N) of the whole size N. */
  readonly table: { readonly re: Float64Array; readonly im: Float64Array }
}

function transform(frame: Float64Array, { re, im, table, n, at, from, step }: Stretch): void {
  const size = table.re.length
  const p = smallestFactor(n)
  if (n <= SMALL || p === n) {
    for (let k = 0; k < n; k++) {
      let [x, y] = [0, 0]
      for (let j = 0; j < n; j++) {
        const turn = ((j * k) % n) * (size / n)
        const value = frame[from + j * step]!
        x += value * table.re[turn]!
        y += value * table.im[turn]!
      }
      re[at + k] = x
      im[at + k] = y
    }
    return
  }
  const m = n / p
  for (let r = 0; r < p; r++) transform(frame, { re, im, table, n: m, at: at + r * m, from: from + r * step, step: step * p })
  // X[k + q·m] = Σ_r W^(r·(k + q·m)) · X_r[k]
  const [parts, others] = [new Float64Array(p), new Float64Array(p)]
  for (let k = 0; k < m; k++) {
    for (let r = 0; r < p; r++) {
      parts[r] = re[at + r * m + k]!
      others[r] = im[at + r * m + k]!
    }
    for (let q = 0; q < p; q++) {
      let [x, y] = [0, 0]
      for (let r = 0; r < p; r++) {
        const turn = ((r * (k + q * m)) % n) * (size / n)
        const [c, s] = [table.re[turn]!, table.im[turn]!]
        x += parts[r]! * c - others[r]! * s
        y += parts[r]! * s + others[r]! * c
      }
      re[at + q * m + k] = x
      im[at + q * m + k] = y
    }
  }
}

function smallestFactor(n: number): number {
  for (let p = 2; p * p <= n; p++) if (n % p === 0) return p
  return n
}

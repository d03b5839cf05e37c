/** f64[columns] each. */
export interface ColumnSizes {
  /** Of the value: the largest, or the mean. */
  readonly value: Float64Array
  /** The largest of what its weights multiply each column with. */
  readonly weights: Float64Array
}

/** Whether what is rounded are weights alone, or the value, too. */
export type RoundedSides = 'weights' | 'both'

/**
 * f32[columns]: what weights are multiplied with. Where the value is rounded, too, max|x|ᵅ ÷ max|W|¹⁻ᵅ (SmoothQuant, Xiao et al. 2022, arXiv 2211.10438, equation 4); where weights alone are, mean|x|ᵅ
 * (AWQ, Lin et al. 2023, arXiv 2306.00978, section 3.2). Their largest times their least is 1, so that what stands before stays of its size; a column that is 0 on either side keeps 1.
 */
export function factorsOf({ value, weights }: ColumnSizes, exponent: number, sides: RoundedSides): Float32Array {
  const isZero = (k: number) => value[k] === 0 || weights[k] === 0
  const raw = value.map((size, k) =>
    isZero(k) ? Number.NaN : size ** exponent / (sides === 'both' ? weights[k]! ** (1 - exponent) : 1),
  )
  const factors = raw.filter((factor) => !Number.isNaN(factor))
  const middle = Math.sqrt(largestOf(factors) * -largestOf(factors.map((factor) => -factor)))
  return Float32Array.from(raw, (factor) => (Number.isNaN(factor) ? 1 : Math.max(1 / MOST, Math.min(MOST, factor / middle))))
}

/** Further apart than that columns do not move, as halves would not hold them. */
const MOST = 2 ** 10

function largestOf(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, value), -Infinity)
}

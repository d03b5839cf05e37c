/**
 * What to try where a damping was not enough: ten times as much, and again, up to 1. After 0 comes 10⁻⁶. Dampings are fractions of the mean of the diagonal.
 */
export function raisedDampings(damping: number): number[] {
  const raised: number[] = []
  for (let next = damping === 0 ? 1e-6 : damping * 10; next < 1.0001; next *= 10) raised.push(Math.min(next, 1))
  return raised
}

/** The mean of the diagonal of f64[size × size]. */
export function meanOfDiagonal(matrix: Float64Array, size: number): number {
  let sum = 0
  for (let i = 0; i < size; i++) sum += matrix[i * size + i]!
  return sum / size
}

/** Index of the first element that is NaN or infinite, or −1. */
export function firstNotFinite(values: Float32Array | Float64Array): number {
  // x − x is 0 for finite numbers alone. A sum of them is looked at once.
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! - values[i]!
  return sum === 0 ? -1 : values.findIndex((value) => !Number.isFinite(value))
}

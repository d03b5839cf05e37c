import type { Comparison } from '../compare.js'

/** The smallest chance that is told from none. */
const LEAST = 1e-9

/**
 * The one-sided chance of a drop as large as the one measured where the true one is `allowed`: the smallest tail whose lower limit lies above. 1 where the
 * measured drop does not. Of a bootstrap no less than 1 ÷ (resamples + 1).
 */
export function chanceAbove({ value, bounds, finest }: Pick<Comparison, 'value' | 'bounds' | 'finest'>, allowed: number): number {
  if (!(value > allowed)) return 1
  const isAbove = (tail: number) => bounds(1 - 2 * tail)[0] > allowed
  let low = Math.max(LEAST, finest)
  let high = 0.5
  if (isAbove(low)) return low
  while (high / low > 1.01) {
    const middle = Math.sqrt(low * high)
    if (isAbove(middle)) high = middle
    else low = middle
  }
  return high
}

import type { Bounds } from './bootstrap.js'
import { freedomOf, studentQuantile } from './student.js'

/** With 249 degrees of freedom Student's t is half a percent wider than with infinitely many. */
const MOST_BLOCKS = 250

/** Groups that are left out of the value in turn: one at a time, or, of many groups, several that do not lie beside each other. */
export function blocksOf(members: readonly Int32Array[], most = MOST_BLOCKS): readonly Int32Array[] {
  if (members.length <= most) return members
  const blocks = Array.from({ length: most }, (): number[] => [])
  for (const [g, own] of members.entries()) for (const i of own) blocks[g % most]!.push(i)
  return blocks.map((block) => Int32Array.from(block))
}

/** What a value is off by, as leaving out one block after the other shows it. */
export interface Jackknife {
  /** Standard error. */
  readonly error: number
  readonly bounds: Bounds
}

/**
 * Interval of a value by the jackknife (Efron and Tibshirani 1993, chapter 11): what it is without each block shows how far it is off, and Student's t takes as many degrees of freedom
 * as there are blocks less one, or fewer where a few of them make up most of the variance. `effective`: how many groups of one size tell as much. Blocks without which there is no value
 * are NaN, and say nothing.
 */
export function jackknife(value: number, without: Float64Array, effective: number): Jackknife {
  const values = without.filter((one) => Number.isFinite(one))
  const blocks = values.length
  const mean = values.reduce((total, one) => total + one, 0) / blocks
  const residuals = values.map((one) => one - mean)
  const squares = residuals.reduce((total, one) => total + one * one, 0)
  if (!(squares > 0)) return { error: 0, bounds: () => [value, value] }
  const error = Math.sqrt((squares * (blocks - 1)) / blocks)
  const freedom = freedomOf(residuals, Math.min(effective, blocks) - 1)
  const bounds: Bounds = (level) => {
    const reach = studentQuantile((1 - level) / 2, freedom) * error
    return [value - reach, value + reach]
  }
  return { error, bounds }
}

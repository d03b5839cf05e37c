import { figure } from '../figure.js'
import { allowedDrop } from '../limits.js'
import type { Limits, Measurement } from '../measurement.js'

/**
 * A sentence where the best answer that ignores the input meets every limit on the metric: such limits cannot fail a model that has forgotten everything. Empty:
 * they can, or of no such answer is known. `reference` is better than that answer; where it is not, it is worthless, which is told as that.
 */
export function looseLimits({ maxDrop, min, max }: Limits, { metric, value, better, blind }: Measurement): string[] {
  if (blind === undefined || (maxDrop === undefined && min === undefined && max === undefined)) return []
  const drop = better === 'higher' ? value - blind.value : blind.value - value
  const allowed = maxDrop === undefined ? Number.POSITIVE_INFINITY : allowedDrop(maxDrop, value)
  const isMet = drop <= allowed && (min === undefined || blind.value >= min) && (max === undefined || blind.value <= max)
  if (!isMet) return []
  const limits = [
    ...(maxDrop === undefined ? [] : [`a drop of ${figure(drop)}, and ${figure(allowed)} is allowed`]),
    ...(min === undefined ? [] : [`at least ${figure(min)} is required`]),
    ...(max === undefined ? [] : [`at most ${figure(max)} is allowed`]),
  ]
  return [
    `The limit on ${metric} is so loose that ${blind.answer}, without looking at the input, meets it: that gets ${figure(blind.value)} (${limits.join('; ')}). Tighten it.`,
  ]
}

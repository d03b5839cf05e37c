import type { Comparison } from '../compare.js'
import { figure, percent, rough } from '../figure.js'
import { setText } from '../groups.js'
import { allowedDrop } from '../limits.js'
import type { Breach, Limits } from '../measurement.js'
import { type Foresight, isForeseen } from './foresight.js'

/** Without certainty the measured drop decides; with foresight what other samples are likely to show. */
export function dropBreaches(comparison: Comparison, { maxDrop, certainty }: Limits, foresight?: Foresight): Breach[] {
  if (maxDrop === undefined) return []
  const { metric, reference, value } = comparison
  const allowed = allowedDrop(maxDrop, reference)
  // Products like 0.01 × 0.5 round: a drop that equals its limit but for the last bits is not above it.
  const slack = 1e-12 * Math.max(Math.abs(reference), allowed)
  const demand = `allowed is at most ${demanded(maxDrop, allowed)}`
  if (foresight !== undefined) {
    if (isForeseen(comparison, { allowed: allowed + slack, certainty }, foresight)) return []
    const seen = setText(comparison.samples, comparison.grouping)
    const message = `${course(comparison)} on ${seen}; ${demand}, and that other samples show no more is less than ${percent(foresight.certainty)} certain.`
    return [{ limit: 'maxDrop', metric, allowed, measured: value, message }]
  }
  if (certainty === undefined) {
    if (value <= allowed + slack) return []
    const [low, high] = comparison.interval
    const message = `${course(comparison)}; ${demand}. 95 % interval of the drop ${rough(low)} to ${rough(high)} (${setText(comparison.samples, comparison.grouping)}).`
    return [{ limit: 'maxDrop', metric, allowed, measured: value, message }]
  }
  const bound = comparison.bounds(2 * certainty - 1)[1]
  if (bound <= allowed + slack) return []
  const message = `${course(comparison)}; ${demand} with ${percent(certainty)} certainty, and only a drop below ${rough(bound)} is that certain on ${setText(comparison.samples, comparison.grouping)}.`
  return [{ limit: 'maxDrop', metric, allowed, measured: bound, message }]
}

/** The measured value decides. */
export function valueBreaches({ metric, pruned }: Comparison, { min, max }: Limits): Breach[] {
  const breaches: Breach[] = []
  if (min !== undefined && !(pruned >= min)) {
    breaches.push({
      limit: 'min',
      metric,
      allowed: min,
      measured: pruned,
      message: `${metric} is ${figure(pruned)}; required is at least ${figure(min)}.`,
    })
  }
  if (max !== undefined && !(pruned <= max)) {
    breaches.push({
      limit: 'max',
      metric,
      allowed: max,
      measured: pruned,
      message: `${metric} is ${figure(pruned)}; allowed is at most ${figure(max)}.`,
    })
  }
  return breaches
}

/** 'accuracy fell by 0.003, from 0.984 to 0.981'. */
export function course({ metric, value, relative, reference, pruned, better }: Comparison): string {
  if (value === 0) return `${metric} stayed at ${figure(pruned)}`
  const rose = value > 0 === (better === 'lower')
  const share = better === 'lower' && relative !== undefined ? ` (${percent(Math.abs(relative))})` : ''
  return `${metric} ${rose ? 'rose' : 'fell'} by ${figure(Math.abs(value), 3)}${share}, from ${figure(reference)} to ${figure(pruned)}`
}

/** '0.01', '5 % (0.3)'. */
export function demanded(maxDrop: NonNullable<Limits['maxDrop']>, allowed: number): string {
  return typeof maxDrop === 'number' ? figure(allowed) : `${percent(maxDrop.relative)} (${figure(allowed)})`
}

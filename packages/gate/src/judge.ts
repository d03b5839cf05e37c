import { type Comparison, compare, dropOf } from './compare.js'
import { figure, percent, plural, rough } from './figure.js'
import { allowedDrop, isLimited, judgesMetric } from './limits.js'
import type { Breach, Limits, Measurement, RelativeLatency, Verdict } from './measurement.js'
import { obstacles } from './obstacles.js'
import { resolve } from './resolution.js'
import { worthless } from './worth.js'

/** Two measurements over the same samples, and what is demanded of them. Undefined: it could not be measured. */
export interface Case {
  readonly reference: Measurement | undefined
  readonly pruned: Measurement | undefined
  readonly limits: Limits
  /** Needed where it is limited. */
  readonly latency?: RelativeLatency | undefined
}

/**
 * Passes or fails a pruned model. What is missing, empty, NaN or measured on other samples makes the verdict incomplete, and so does the
 * absence of any limit, and a reference from which nothing can be lost: only a met demand is a pass. `limits` are those that `validateLimits` found
 * no fault with; a NaN among them fails.
 */
export function judge({ reference, pruned, limits, latency }: Case): Verdict {
  const missing = isLimited(limits) ? [] : ['No limit is set: maxDrop, min, max and maxLatency are all absent.']
  if (limits.maxLatency !== undefined && latency === undefined) missing.push('The latency was not measured, and it is limited.')
  missing.push(...obstacles(reference, pruned))
  if (missing.length > 0 || !reference || !pruned) {
    return { verdict: 'incomplete', summary: missing.join(' '), reasons: missing, breaches: [] }
  }
  const comparison = compare(reference, pruned)
  const breaches = [
    ...dropBreaches(comparison, limits),
    ...valueBreaches(comparison, limits),
    ...latencyBreaches(latency, limits),
  ]
  const doubts = judgesMetric(limits) ? worthless(reference) : []
  const isWorthless = doubts.length > 0 && limits.allowWorthlessReference !== true
  const reasons = [...breaches.map((breach) => breach.message), ...(isWorthless ? [...doubts, OVERRIDE] : [])]
  return {
    verdict: breaches.length > 0 ? 'fail' : isWorthless ? 'incomplete' : 'pass',
    summary: reasons.length > 0 ? reasons.join(' ') : passed(comparison, limits),
    reasons,
    ...(doubts.length > 0 && !isWorthless && { warnings: doubts }),
    breaches,
    drop: dropOf(comparison),
    // That samples settle it would be said of a metric that settles nothing.
    ...(limits.maxDrop !== undefined &&
      !isWorthless && { resolution: resolve(comparison, allowedDrop(limits.maxDrop, comparison.reference)) }),
  }
}

const OVERRIDE =
  'To judge by it all the same, set allow-worthless-reference (in a config, gate: { allowWorthlessReference: true }).'

function dropBreaches(comparison: Comparison, { maxDrop, certainty }: Limits): Breach[] {
  if (maxDrop === undefined) return []
  const { metric, reference, value } = comparison
  const allowed = allowedDrop(maxDrop, reference)
  // Products like 0.01 × 0.5 round: a drop that equals its limit but for the last bits is not above it.
  const slack = 1e-12 * Math.max(Math.abs(reference), allowed)
  const demand = `allowed is at most ${demanded(maxDrop, allowed)}`
  if (certainty === undefined) {
    if (value <= allowed + slack) return []
    const [low, high] = comparison.interval
    const message = `${course(comparison)}; ${demand}. 95 % interval of the drop ${rough(low)} to ${rough(high)} (${plural(comparison.samples, 'sample')}).`
    return [{ limit: 'maxDrop', metric, allowed, measured: value, message }]
  }
  const bound = comparison.bounds(2 * certainty - 1)[1]
  if (bound <= allowed + slack) return []
  const message = `${course(comparison)}; ${demand} with ${percent(certainty)} certainty, and only a drop below ${rough(bound)} is that certain on ${plural(comparison.samples, 'sample')}.`
  return [{ limit: 'maxDrop', metric, allowed, measured: bound, message }]
}

function valueBreaches({ metric, pruned }: Comparison, { min, max }: Limits): Breach[] {
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

/** The point estimate decides, as for drops. */
function latencyBreaches(latency: RelativeLatency | undefined, { maxLatency }: Limits): Breach[] {
  if (maxLatency === undefined || latency === undefined || latency.value <= maxLatency) return []
  const [low, high] = latency.interval
  const message = `a run takes ${figure(latency.value, 3)} times as long as the reference's (95 % interval ${rough(low)} to ${rough(high)}); allowed is at most ${figure(maxLatency)}.`
  return [{ limit: 'maxLatency', metric: 'latency', allowed: maxLatency, measured: latency.value, message }]
}

function passed(comparison: Comparison, { maxDrop, min, max, certainty }: Limits): string {
  const sure = certainty === undefined ? '' : ` with ${percent(certainty)} certainty`
  const demands = [
    maxDrop === undefined ? '' : `allowed is at most ${demanded(maxDrop, allowedDrop(maxDrop, comparison.reference))}${sure}`,
    min === undefined ? '' : `required is at least ${figure(min)}`,
    max === undefined ? '' : `allowed is at most ${figure(max)} in all`,
  ].filter((demand) => demand !== '')
  return `${course(comparison)}; ${demands.join(', ')}.`
}

/** 'accuracy fell by 0.003, from 0.984 to 0.981'. */
function course({ metric, value, relative, reference, pruned, better }: Comparison): string {
  if (value === 0) return `${metric} stayed at ${figure(pruned)}`
  const rose = value > 0 === (better === 'lower')
  const share = better === 'lower' && relative !== undefined ? ` (${percent(Math.abs(relative))})` : ''
  return `${metric} ${rose ? 'rose' : 'fell'} by ${figure(Math.abs(value), 3)}${share}, from ${figure(reference)} to ${figure(pruned)}`
}

function demanded(maxDrop: NonNullable<Limits['maxDrop']>, allowed: number): string {
  return typeof maxDrop === 'number' ? figure(allowed) : `${percent(maxDrop.relative)} (${figure(allowed)})`
}

import { type Comparison, compare, dropOf } from '../compare.js'
import { figure, percent } from '../figure.js'
import { groupingOf, tooFewGroups } from '../groups.js'
import { allowedDrop, isLimited, judgesMetric } from '../limits.js'
import type { Aggregate, Demand, DemandVerdict, Limits, Measurement, SampleFacts } from '../measurement.js'
import { obstacles } from '../obstacles.js'
import { resolve } from '../resolution.js'
import { worthless } from '../worth.js'
import { course, demanded, dropBreaches, valueBreaches } from './drop-limits.js'
import type { Foresight } from './foresight.js'
import { looseLimits } from './loose.js'
import { latencyDoubts, type ModelFigures, missingFigures, modelBreaches } from './model-limits.js'
import { regressionBreaches, regressionDoubts } from './regression.js'

/** What a demand is judged by. */
export interface Evidence {
  readonly metric: string
  /** Undefined: nothing of a metric is demanded. */
  readonly pair?: { readonly reference: Measurement | undefined; readonly pruned: Measurement | undefined }
  readonly facts: SampleFacts | undefined
  readonly aggregate: Aggregate | undefined
  readonly figures: ModelFigures
  /** Of which the demand is a slice: whether it is worth anything is asked of all samples. Default: the reference of the pair */
  readonly whole?: Measurement | undefined
  readonly foresight?: Foresight | undefined
}

/** Judges a demand on all samples of a pair, or on the models alone. */
export function judgeWhole(demand: Demand, evidence: Evidence): DemandVerdict {
  const { pair, facts, aggregate, figures, metric } = evidence
  const about = aboutOf(demand, metric)
  const missing = [...(isLimited(demand) ? [] : [NO_LIMIT]), ...missingFigures(demand, figures)]
  if (pair !== undefined) missing.push(...obstacles(pair.reference, pair.pruned, { facts, aggregate }))
  const few = tooFewGroups(groupingOf(facts?.group))
  if (few !== undefined && demand.maxDrop !== undefined) missing.push(few)
  if (missing.length > 0) return incomplete(demand, about, missing)
  const { reference, pruned } = pair ?? {}
  // Of too few groups only min and max are left, which need no interval; compared as if each sample stood alone, and the interval is not told.
  const context = { facts: few === undefined ? facts : undefined, aggregate }
  const comparison = reference && pruned && compare(reference, pruned, context)
  const breaches = [
    ...(comparison ? [...dropBreaches(comparison, demand, evidence.foresight), ...valueBreaches(comparison, demand)] : []),
    ...(pruned ? regressionBreaches(demand, { pruned, base: figures.base, facts: context.facts, aggregate }) : []),
    ...modelBreaches(demand, figures),
  ]
  const own = evidence.whole ?? reference
  const doubts = own && judgesMetric(demand) ? worthless(own, { facts: evidence.whole ? undefined : facts, aggregate }) : []
  const isWorthless = doubts.length > 0 && demand.allowWorthlessReference !== true
  const reasons = [...breaches.map(({ message }) => message), ...(isWorthless ? [...doubts, OVERRIDE] : [])]
  const warnings = [
    ...(isWorthless ? [] : doubts),
    // A slice has the answer of all samples beside it, which is not its own.
    ...(own && evidence.whole === undefined && doubts.length === 0 ? looseLimits(demand, own) : []),
    ...latencyDoubts(figures, demand),
    ...(pruned ? regressionDoubts(demand, { pruned, base: figures.base, facts: context.facts, aggregate }) : []),
  ]
  return {
    demand,
    about,
    verdict: breaches.length > 0 ? 'fail' : isWorthless ? 'incomplete' : 'pass',
    summary: reasons.length > 0 ? reasons.join(' ') : passed(demand, comparison, figures),
    reasons,
    ...(warnings.length > 0 && { warnings }),
    breaches,
    ...(comparison && few === undefined && { drop: dropOf(comparison) }),
    // That samples settle it would be said of a metric that settles nothing.
    ...(comparison &&
      demand.maxDrop !== undefined &&
      !isWorthless && { resolution: resolve(comparison, allowedDrop(demand.maxDrop, comparison.reference)) }),
  }
}

const NO_LIMIT = 'No limit is set: maxDrop, min, max and maxLatency are all absent.'

export function incomplete(demand: Demand, about: string, reasons: readonly string[]): DemandVerdict {
  return { demand, about, verdict: 'incomplete', summary: reasons.join(' '), reasons, breaches: [] }
}

/** 'accuracy where language = de'. */
export function aboutOf(demand: Demand, metric: string): string {
  if (demand.by !== undefined) return `${metric} by ${demand.by}`
  if (demand.classes) return `${metric} of each class`
  if (!judgesMetric(demand)) return 'the model'
  return demand.where === undefined ? metric : `${metric} where ${demand.where.replace('=', ' = ')}`
}

const OVERRIDE =
  'To judge by it all the same, set allow-worthless-reference (in a config, gate: { allowWorthlessReference: true }).'

function passed(limits: Limits, comparison: Comparison | undefined, { size, macs, base }: ModelFigures): string {
  const { maxDrop, maxRegression, min, max, certainty, maxSize, maxMacs } = limits
  const sure = certainty === undefined ? '' : ` with ${percent(certainty)} certainty`
  const ofMetric = [
    maxDrop === undefined || !comparison
      ? ''
      : `allowed is at most ${demanded(maxDrop, allowedDrop(maxDrop, comparison.reference))}${sure}`,
    maxRegression === undefined || base?.metrics[comparison?.metric ?? ''] === undefined
      ? ''
      : `${base.name} has ${figure(base.metrics[comparison!.metric]!)}, and allowed is a regression of ${typeof maxRegression === 'number' ? figure(maxRegression) : percent(maxRegression.relative)}`,
    min === undefined ? '' : `required is at least ${figure(min)}`,
    max === undefined ? '' : `allowed is at most ${figure(max)} in all`,
  ].filter((demand) => demand !== '')
  const shares = [
    maxSize === undefined || !size
      ? ''
      : `It has ${figure(size.after / size.before)} of the bytes; allowed is at most ${figure(maxSize)}.`,
    maxMacs === undefined || !macs
      ? ''
      : `It has ${figure(macs.after / macs.before)} of the multiplications; allowed is at most ${figure(maxMacs)}.`,
  ].filter((share) => share !== '')
  const ofDrop = comparison ? [`${course(comparison)}; ${ofMetric.join(', ')}.`] : []
  return [...ofDrop, ...shares].join(' ')
}

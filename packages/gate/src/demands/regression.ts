import { type Comparison, compare } from '../compare.js'
import { figure, percent, rough } from '../figure.js'
import { setText } from '../groups.js'
import { allowedDrop } from '../limits.js'
import type { Aggregate, Breach, Limits, Measurement, SampleFacts } from '../measurement.js'
import { obstacles } from '../obstacles.js'
import { demanded } from './drop-limits.js'
import type { BaseModel } from './model-limits.js'

/** What a regression is judged by. */
interface Regressing {
  readonly pruned: Measurement
  readonly base: BaseModel | undefined
  readonly facts?: SampleFacts | undefined
  readonly aggregate?: Aggregate | undefined
}

/** As a drop is judged, sample by sample, where the samples of the earlier model are kept; else the measured values decide. */
export function regressionBreaches({ maxRegression, certainty }: Limits, regressing: Regressing): Breach[] {
  const { pruned, base } = regressing
  const before = base?.metrics[pruned.metric]
  if (maxRegression === undefined || before === undefined || base?.obstacle !== undefined) return []
  const allowed = allowedDrop(maxRegression, before)
  const paired = pairedWith(base!, regressing)
  const value = paired?.value ?? (pruned.better === 'higher' ? before - pruned.value : pruned.value - before)
  const bound = paired !== undefined && certainty !== undefined ? paired.bounds(2 * certainty - 1)[1] : value
  if (bound <= allowed + 1e-12 * Math.max(Math.abs(before), allowed)) return []
  const verb = value < 0 === (pruned.better === 'higher') ? 'more' : 'less'
  const course = `${pruned.metric} is ${figure(pruned.value)}, ${figure(Math.abs(value), 3)} ${verb} than the pruned model of ${base!.name} has (${figure(before)}); allowed is at most ${demanded(maxRegression, allowed)}`
  return [
    {
      limit: 'maxRegression',
      metric: pruned.metric,
      allowed,
      measured: bound,
      message: `${course}${proof(paired, certainty, bound)}.`,
    },
  ]
}

/** What the samples say of it. */
function proof(paired: Comparison | undefined, certainty: number | undefined, bound: number): string {
  if (paired === undefined) return ''
  const set = setText(paired.samples, paired.grouping)
  if (certainty !== undefined)
    return ` with ${percent(certainty)} certainty, and only a regression below ${rough(bound)} is that certain on ${set}`
  const [low, high] = paired.interval
  return ` (95 % interval of the difference ${rough(low)} to ${rough(high)}, ${set})`
}

/** Both models over the same samples. Undefined: of the earlier one they are not known, or they are others. */
function pairedWith(base: BaseModel, { pruned, facts, aggregate }: Regressing): Comparison | undefined {
  const earlier = earlierOf(base, pruned)
  if (earlier === undefined || obstacles(earlier, pruned, { facts, aggregate }).length > 0) return undefined
  return compare(earlier, pruned, { facts, aggregate })
}

function earlierOf({ metrics, samples }: BaseModel, { metric, better, bounded }: Measurement): Measurement | undefined {
  const own = samples?.[metric]
  return own && { metric, better, bounded, value: metrics[metric]!, samples: own }
}

/** Why a regression that is limited was not judged, or not sample by sample. */
export function regressionDoubts({ maxRegression }: Limits, { pruned, base, facts, aggregate }: Regressing): string[] {
  if (maxRegression === undefined) return []
  if (base === undefined)
    return ['No earlier result of this model is known, so a regression was not judged: pare run --lock keeps one.']
  if (base.obstacle !== undefined) return [base.obstacle]
  if (base.metrics[pruned.metric] === undefined)
    return [`${base.name} has no ${pruned.metric} of this model, so a regression was not judged.`]
  const earlier = earlierOf(base, pruned)
  if (earlier === undefined)
    return [
      `${base.name} keeps no samples of ${pruned.metric}, so the measured values alone judged the regression: pare run --lock keeps them.`,
    ]
  const [obstacle] = obstacles(earlier, pruned, { facts, aggregate })
  return obstacle === undefined
    ? []
    : [
        `The samples of ${base.name} are not those of this run, so the measured values alone judged the regression of ${pruned.metric}.`,
      ]
}

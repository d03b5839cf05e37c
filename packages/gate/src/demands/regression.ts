import { figure } from '../figure.js'
import { allowedDrop } from '../limits.js'
import type { Breach, Limits, Measurement } from '../measurement.js'
import { demanded } from './drop-limits.js'
import type { BaseModel } from './model-limits.js'

/** What a regression is judged by. */
interface Regressing {
  readonly pruned: Measurement
  readonly base: BaseModel | undefined
}

/** The measured values decide: of the earlier model the samples are not known. */
export function regressionBreaches({ maxRegression }: Limits, { pruned, base }: Regressing): Breach[] {
  const before = base?.metrics[pruned.metric]
  if (maxRegression === undefined || before === undefined || base?.obstacle !== undefined) return []
  const allowed = allowedDrop(maxRegression, before)
  const measured = pruned.better === 'higher' ? before - pruned.value : pruned.value - before
  if (measured <= allowed + 1e-12 * Math.max(Math.abs(before), allowed)) return []
  const verb = pruned.better === 'higher' ? 'less' : 'more'
  const message = `${pruned.metric} is ${figure(pruned.value)}, ${figure(measured, 3)} ${verb} than the pruned model of ${base!.name} has (${figure(before)}); allowed is at most ${demanded(maxRegression, allowed)}.`
  return [{ limit: 'maxRegression', metric: pruned.metric, allowed, measured, message }]
}

/** Why a regression that is limited was not judged. */
export function regressionDoubts({ maxRegression }: Limits, { pruned, base }: Regressing): string[] {
  if (maxRegression === undefined) return []
  if (base === undefined)
    return ['No earlier result of this model is known, so a regression was not judged: pare run --lock keeps one.']
  if (base.obstacle !== undefined) return [base.obstacle]
  return base.metrics[pruned.metric] === undefined
    ? [`${base.name} has no ${pruned.metric} of this model, so a regression was not judged.`]
    : []
}

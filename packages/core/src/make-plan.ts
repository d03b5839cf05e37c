import { type Model, PareError } from '@pare/onnx'
import { checkAllocation } from './allocation-options.js'
import { analyse } from './analyse.js'
import { analyseUnits } from './analyse-units.js'
import { applyStep } from './apply.js'
import type { Declined, Group, MaskGroup, Pattern } from './contract.js'
import { findGroups } from './found-groups.js'
import { planPermutation } from './permute/plan-permute.js'
import type { ElementTarget, Planned, PlanOptions, PlanStep, PruneStep, Target, UnitTarget } from './plan.js'
import { planCut } from './plan-cut.js'
import { planMask } from './plan-mask.js'
import { planSolve } from './plan-solve.js'
import { refuseUnitOptions } from './unit-options.js'

/** Decides what goes, step by step, each on the model that the steps before leave. Reads weights, changes nothing. */
export async function makePlan(model: Model, steps: readonly PruneStep[], options: PlanOptions): Promise<Planned> {
  const planned = { steps: [] as PlanStep[], groups: [] as Planned['groups'][number][], declined: [] as Declined[] }
  let current = model
  for (const step of steps) {
    const permuted = await planPermutation(current, step, options)
    if (permuted !== undefined) {
      current = await applyStep(current, permuted, options)
      planned.steps.push(permuted)
    }
    const analysis = step.structure.kind === 'cut' ? await analyseUnits(current, step) : analyse(current, step)
    const { groups, declined } = findGroups(step.structure, analysis)
    if (groups.length === 0) throw nothingToPrune(step, declined)
    for (const planStep of await planStepsOf(step, { groups, model: current, original: model }, options)) {
      current = await applyStep(current, planStep, options)
      planned.steps.push(planStep)
    }
    planned.groups.push(...groups.map((group) => ({ ...group, structure: step.structure.name })))
    planned.declined.push(...declined)
  }
  return planned
}

interface Given {
  readonly groups: readonly Group[]
  /** As the steps before leave it. */
  readonly model: Model
  readonly original: Model
}

/** What one step does to the groups it found. */
export async function planStepsOf(
  step: PruneStep,
  { groups, ...models }: Given,
  options: PlanOptions,
): Promise<readonly PlanStep[]> {
  const units = groups.filter((group) => group.kind !== 'mask')
  const masked = groups.filter((group) => group.kind === 'mask')
  if (units.length > 0 && masked.length > 0)
    throw new Error(`structure '${step.structure.name}' mixes groups that are masked with groups that are cut`)
  checkAllocation(step, masked[0]?.pattern)
  if (units.length > 0) {
    const { target } = step
    if (target === undefined || !isForUnits(target))
      throw wrongTarget(step, 'cuts units and takes a ratio or a budget', '--ratio 0.3')
    const { criterion } = step
    if (criterion.kind === 'solver') throw wrongCriterion(step, 'changes single weights, and cannot judge units')
    return [await planCut({ step: { ...step, target, criterion }, groups: units, ...models }, options)]
  }
  const target = elementTarget(step)
  refuseUnitOptions(step)
  const weights = masked.map(({ weight }) => weight)
  const { criterion } = step
  const request = { weights, pattern: patternOf(step, masked), model: models.model }
  if (criterion.kind === 'solver') return planSolve({ step: { ...step, target, criterion }, ...request }, options)
  if (criterion.kind === 'units') throw wrongCriterion(step, 'judges whole units, and cannot judge single elements')
  return [await planMask({ step: { ...step, target, criterion }, ...request }, options)]
}

function elementTarget(step: PruneStep): ElementTarget {
  const { structure, target } = step
  const fixed = structure.sparsity
  const given = target ?? (fixed === undefined ? undefined : { sparsity: fixed })
  if (given === undefined || isForUnits(given)) throw wrongTarget(step, 'masks elements and takes a sparsity', '--sparsity 0.5')
  if (fixed === undefined || ('sparsity' in given && Math.abs(given.sparsity - fixed) < 1e-6)) return given
  throw wrongTarget(
    step,
    `always masks ${fixed} of the elements, and takes no other target`,
    `--sparsity ${fixed}, or leave the target out`,
  )
}

function patternOf({ structure }: PruneStep, groups: readonly MaskGroup[]): Pattern {
  const { pattern } = groups[0]!
  const other = groups.find((group) => JSON.stringify(group.pattern) !== JSON.stringify(pattern))
  if (other === undefined) return pattern
  throw new Error(`structure '${structure.name}' gives '${groups[0]!.id}' one pattern and '${other.id}' another`)
}

function isForUnits(target: Target): target is UnitTarget {
  return !('sparsity' in target || 'threshold' in target)
}

function wrongTarget({ structure, target }: PruneStep, takes: string, instead: string): PareError {
  return new PareError(`structure '${structure.name}' ${takes}, not ${target === undefined ? 'none' : JSON.stringify(target)}.`, {
    hint: `say ${instead}`,
  })
}

function wrongCriterion({ structure, criterion }: PruneStep, what: string): PareError {
  return new PareError(`criterion '${criterion.name}' ${what}; structure '${structure.name}' does not go with it.`, {
    hint: 'choose another criterion or structure; the README of each says what it goes with.',
  })
}

function nothingToPrune({ structure, include, exclude }: PruneStep, declined: readonly Declined[]): PareError {
  const limits = [
    ...(include ?? []).map((glob) => `--include '${glob}'`),
    ...(exclude ?? []).map((glob) => `--exclude '${glob}'`),
  ]
  const why = declined.slice(0, 5).map(({ id, reason }) => `${id} (${reason})`)
  return new PareError(
    `structure '${structure.name}' finds nothing to prune${limits.length > 0 ? ` under ${limits.join(' ')}` : ''}${why.length > 0 ? `: left out are ${why.join(', ')}` : ''}.`,
    { hint: 'pare inspect MODEL lists what each structure finds, and why the rest is left alone.' },
  )
}

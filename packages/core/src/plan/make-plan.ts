import { type Model, PareError } from '@pare/onnx'
import { analyse } from '../analyse/analyse.js'
import { analyseUnits } from '../analyse/analyse-units.js'
import { findGroups } from '../analyse/found-groups.js'
import { applyStep } from '../apply/apply.js'
import type { CommonPattern, DeclinedPart, Group, MaskGroup, Pattern } from '../contract/contract.js'
import { WHOLE_MODEL } from '../contract/whole-model.js'
import { planByMask } from '../masks/plan-by-mask.js'
import { planPermutation } from '../permute/plan-permute.js'
import { type SearchRequest, searchAllocation } from '../search/search-allocation.js'
import { searchOf } from '../select/allocation.js'
import { fisherAllocation } from '../select/fisher.js'
import { checkMasked, checkStep, cuttingStep, isMasked, type MaskingStep, maskingStep, solverTarget } from './check-step.js'
import type { MaskStep, PlanOptions, PlanOutcome, PlanStep, PruneStep } from './plan.js'
import { planCut } from './plan-cut.js'
import { planMask } from './plan-mask.js'
import { planRefit, planSolve, type RefitRequest } from './plan-solve.js'

/** Decides what goes, step by step, each on the model that the steps before leave. Reads weights, changes nothing. */
export async function makePlan(model: Model, steps: readonly PruneStep[], options: PlanOptions): Promise<PlanOutcome> {
  const planned = { steps: [] as PlanStep[], groups: [] as PlanOutcome['groups'][number][], declined: [] as DeclinedPart[] }
  let current = model
  for (const step of steps) checkStep(step)
  for (const step of steps) {
    const permuted = await planPermutation(current, step, options)
    if (permuted !== undefined) {
      current = await applyStep(current, permuted, options)
      planned.steps.push(permuted)
    }
    const analysis = step.structure.kind === 'cut' ? await analyseUnits(current, step) : analyse(current, step)
    const { groups, declined } = findGroups(step.structure, analysis)
    if (groups.length === 0) throw nothingToPrune(step, declined)
    if (isMasked(step)) step.criterion.check?.(analysis)
    for (const planStep of await planStepsOf(step, { groups, model: current, original: model }, options)) {
      current = await applyStep(current, planStep, options)
      planned.steps.push(planStep)
    }
    planned.groups.push(...groups.map((group) => ({ ...group, structure: step.structure.name })))
    planned.declined.push(...declined)
  }
  return planned
}

interface StepInputs {
  readonly groups: readonly Group[]
  /** As the steps before leave it. */
  readonly model: Model
  readonly original: Model
}

/** What one step does to the groups it found. */
export async function planStepsOf(
  step: PruneStep,
  { groups, ...models }: StepInputs,
  options: PlanOptions,
): Promise<readonly PlanStep[]> {
  const units = groups.filter((group) => group.kind !== 'mask')
  const masked = groups.filter((group) => group.kind === 'mask')
  if (units.length > 0 && masked.length > 0)
    throw new Error(`structure '${step.structure.name}' mixes groups that are masked with groups that are cut`)
  if (units.length > 0) return [await planCut({ step: cuttingStep(step), groups: units, ...models }, options)]
  const pattern = patternOf(step, masked)
  const weights = masked.map(({ weight }) => weight)
  if (isMasked(step)) {
    checkMasked(step, pattern.kind)
    return refitted(await planByMask({ step, weights }, options), { step, weights, pattern, ...models }, options)
  }
  const { criterion, ...masking } = await counted(
    maskingStep(step, pattern.kind),
    { groups: masked, model: models.model },
    options,
  )
  const request = { weights, pattern, model: models.model }
  if (criterion.kind === 'solver') {
    const target = solverTarget(criterion, masking.target)
    return planSolve({ step: { ...masking, criterion, target }, ...request, pattern: commonPattern(pattern) }, options)
  }
  const mask = await planMask({ step: { ...masking, criterion }, ...request }, options)
  return refitted(mask, { step: masking, ...request }, options)
}

/** A mask, and what its step's solver makes of the weights that stay, if it has one. */
async function refitted(
  mask: MaskStep,
  {
    step,
    pattern,
    ...request
  }: Omit<RefitRequest, 'mask' | 'solver' | 'step' | 'pattern'> & {
    readonly step: Omit<PruneStep, 'criterion'>
    readonly pattern: Pattern
  },
  options: PlanOptions,
): Promise<readonly PlanStep[]> {
  const { refit: solver } = step
  return solver === undefined ? [mask] : planRefit({ step, ...request, pattern: commonPattern(pattern), solver, mask }, options)
}

/** For solvers: a mask of a structure's own pattern is decided before they see it. */
function commonPattern(pattern: Pattern): CommonPattern {
  return pattern.kind === 'own' ? { kind: 'free' } : pattern
}

/** The step, with what the allocations 'fisher' and 'search' give each weight as counts. */
async function counted(
  step: MaskingStep,
  { groups, model }: { readonly groups: readonly MaskGroup[]; readonly model: Model },
  options: PlanOptions,
): Promise<MaskingStep> {
  const { allocation, target } = step
  if ('threshold' in target) return step
  const weights = groups.map(({ weight }) => weight)
  if (allocation === 'fisher')
    return { ...step, allocation: await fisherAllocation(weights, { model, sparsity: target.sparsity }, options) }
  const search = searchOf(allocation)
  if (search === undefined) return step
  const planFor: SearchRequest['planFor'] = (some, counts, at, more) =>
    planStepsOf({ ...step, allocation: counts, sequential: false }, { groups: some, model: at, original: at }, more)
  return { ...step, allocation: await searchAllocation({ step: { ...step, target }, groups, model, search, planFor }, options) }
}

function patternOf({ structure }: PruneStep, groups: readonly MaskGroup[]): Pattern {
  const { pattern } = groups[0]!
  const other = groups.find((group) => !isAlike(group.pattern, pattern))
  if (other === undefined) return pattern
  throw new Error(`structure '${structure.name}' gives '${groups[0]!.id}' one pattern and '${other.id}' another`)
}

function isAlike(one: Pattern, other: Pattern): boolean {
  if (one.kind === 'own' && other.kind === 'own' && one.keep !== other.keep) return false
  return JSON.stringify(one) === JSON.stringify(other)
}

const SHOWN = 5

function nothingToPrune({ structure, include, exclude }: PruneStep, declined: readonly DeclinedPart[]): PareError {
  const limits = [
    ...(include ?? []).map((glob) => `--include '${glob}'`),
    ...(exclude ?? []).map((glob) => `--exclude '${glob}'`),
  ]
  const whole = declined.find(({ id }) => id === WHOLE_MODEL)
  const why = declined.filter((entry) => entry !== whole).map(({ id, reason }) => `${id} (${reason})`)
  const shown = why.length > SHOWN ? [...why.slice(0, SHOWN), `${why.length - SHOWN} more`] : why
  const reasons = [
    ...(whole === undefined ? [] : [whole.reason]),
    ...(why.length > 0 ? [`left out are ${shown.join(', ')}`] : []),
  ]
  return new PareError(
    `structure '${structure.name}' finds nothing to prune${limits.length > 0 ? ` under ${limits.join(' ')}` : ''}${reasons.length > 0 ? `: ${reasons.join('; ')}` : ''}.`,
    { hint: 'pare inspect MODEL lists what each structure finds, and why the rest is left alone.' },
  )
}

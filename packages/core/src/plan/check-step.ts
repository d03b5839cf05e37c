import { PareError } from '@pare/onnx'
import type { Criterion, MaskCriterion, Pattern, Solver, UnitCriterion } from '../contract/contract.js'
import { checkAllocation } from '../select/allocation-options.js'
import { limitsOf, refuseUnitOptions } from '../select/unit-options.js'
import type { Budget, ElementTarget, PruneStep, Target, UnitTarget } from './plan.js'
import { refuseStrayMembers } from './step-members.js'

/** A step for a structure that cuts. */
export type CuttingStep = PruneStep & { readonly target: UnitTarget; readonly criterion: Criterion | UnitCriterion }

/** A step for a structure that masks. */
export type MaskingStep = PruneStep & { readonly target: ElementTarget; readonly criterion: Criterion | Solver }

/** A step for weights whose mask is decided already. */
export type MaskedStep = PruneStep & { readonly criterion: MaskCriterion }

/** Throws PareError where what a step says does not go together, or is impossible, as far as that shows before a model is read. */
export function checkStep(step: PruneStep): void {
  refuseStrayMembers(step)
  checkRefit(step)
  if (isMasked(step)) checkMasked(step)
  else if (step.structure.kind === 'cut') cuttingStep(step)
  else maskingStep(step)
}

/** Throws PareError where what stays cannot be refitted, or by this solver. */
function checkRefit({ refit, criterion, structure }: PruneStep): void {
  if (refit === undefined) return
  const leave = { hint: 'leave --refit out.' }
  if (structure.kind === 'cut')
    throw new PareError(`refit ${refit.name} changes masked weights, and structure '${structure.name}' cuts units.`, leave)
  if (criterion.kind === 'solver')
    throw new PareError(`refit ${refit.name} changes what stays, and so does solver '${criterion.name}'.`, leave)
  if (refit.kind === 'solver' && refit.refits === true) return
  throw new PareError(`refit '${refit.name}' does not take masks that are decided already.`, { hint: '--refit alps does.' })
}

export function isMasked(step: PruneStep): step is MaskedStep {
  return step.criterion.kind === 'mask'
}

/** Throws PareError where something else of the step decides what the mask decides. */
export function checkMasked(step: MaskedStep, pattern: Pattern['kind'] = step.structure.pattern ?? 'free'): void {
  const { structure, criterion } = step
  if (structure.kind === 'cut')
    throw new PareError(`${criterion.name}: a mask is of single elements, and structure '${structure.name}' cuts units.`, {
      hint: 'leave --structure out.',
    })
  if (pattern !== 'free')
    throw new PareError(
      `${criterion.name} says which elements go, and structure '${structure.name}' chooses them by a pattern of its own.`,
      { hint: 'leave --structure out: a mask with a pattern keeps it.' },
    )
  const deciding = (['target', 'scope', 'allocation', 'normalize', 'sequential'] as const).find((key) => step[key] !== undefined)
  if (deciding !== undefined)
    throw new PareError(`${criterion.name} says which elements go, and ${deciding} (${shown(step[deciding])}) says it too.`, {
      hint: `leave the mask or --${optionOf(step, deciding)} out.`,
    })
  refuseUnitOptions(step)
}

function optionOf({ target }: PruneStep, field: string): string {
  const [kind = ''] = Object.keys(target ?? {})
  return field !== 'target' ? field : kind === 'sparsity' || kind === 'threshold' || kind === 'ratio' ? kind : 'target'
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The step, for groups of units. Throws PareError where it is none. */
export function cuttingStep(step: PruneStep): CuttingStep {
  const { target, criterion, norm } = step
  checkAllocation(step)
  refuseIdleSequence(step)
  if (target === undefined || !isForUnits(target))
    throw wrongTarget(step, 'cuts units and takes a ratio or a budget', '--ratio 0.3')
  if (criterion.kind === 'solver') throw wrongCriterion(step, 'changes single weights, and cannot judge units')
  if (criterion.kind === 'mask') throw wrongCriterion(step, 'is a mask of single elements, and cannot judge units')
  limitsOf(step)
  if ('ratio' in target) checkRatio(target.ratio)
  else checkBudget(target)
  if (criterion.kind === 'units' && norm !== undefined) {
    throw new PareError(
      `criterion '${criterion.name}' judges whole units, and norm ${norm} puts saliencies of elements together.`,
      { hint: 'leave --norm out.' },
    )
  }
  return { ...step, target, criterion }
}

/** The step, for weights that are masked by this pattern. Default: the one that its structure names, if any. Throws PareError where it is none. */
export function maskingStep(step: PruneStep, pattern: Pattern['kind'] | undefined = step.structure.pattern): MaskingStep {
  const target = elementTarget(step)
  const { criterion, sequential } = step
  refuseUnitOptions(step)
  refuseIdleSequence(step)
  checkAllocation(step, pattern)
  checkElementTarget(target)
  if (criterion.kind === 'units') throw wrongCriterion(step, 'judges whole units, and cannot judge single elements')
  if (criterion.kind === 'mask') throw wrongCriterion(step, 'is a mask that is decided already, and judges nothing')
  if (pattern === 'own') checkOwnPattern(step, target)
  if (criterion.kind === 'solver') solverTarget(criterion, target)
  else if (sequential === true) checkSequential(elementScope({ ...step, criterion }, pattern))
  return { ...step, target, criterion }
}

/** Throws PareError where something else of the step chooses than the pattern that its structure brings, weight by weight. */
function checkOwnPattern({ structure: { name }, criterion, scope }: PruneStep, target: ElementTarget): void {
  if (criterion.kind === 'solver')
    throw new PareError(`solver '${criterion.name}' chooses masks itself, and structure '${name}' brings a pattern of its own.`, {
      hint: 'choose a criterion, such as magnitude or wanda; --refit alps then makes up for what goes.',
    })
  if ('threshold' in target)
    throw new PareError(`structure '${name}' brings a pattern that takes so many elements of each weight, and no threshold.`, {
      hint: 'say --sparsity 0.5.',
    })
  if (scope === undefined || scope === 'tensor') return
  throw new PareError(
    `structure '${name}' brings a pattern that chooses within each weight, and scope ${scope} ranks otherwise.`,
    {
      hint: 'leave --scope out.',
    },
  )
}

/** Throws PareError where a sparsity or a threshold is out of range. */
export function checkElementTarget(target: ElementTarget): void {
  if ('sparsity' in target) checkSparsity(target.sparsity)
  else checkThreshold(target.threshold)
}

/** What a solver changes weights to. Throws PareError for a threshold. */
export function solverTarget({ name }: Solver, target: ElementTarget): { readonly sparsity: number } {
  if ('sparsity' in target) return target
  throw new PareError(`solver '${name}' changes weights to a sparsity, and takes no threshold.`, { hint: 'say --sparsity 0.5.' })
}

/** What elements are ranked together by. N:M compares within blocks of a row. */
export function elementScope(
  { scope, criterion, allocation, normalize }: PruneStep & { readonly criterion: Criterion },
  pattern: Pattern['kind'] | undefined,
) {
  if (pattern === 'nm') return 'row'
  if (pattern === 'own') return 'tensor'
  if (scope !== undefined) return scope
  if (normalize !== undefined) return 'global'
  if (allocation !== undefined) return criterion.scope === 'row' ? 'row' : 'tensor'
  return criterion.scope ?? 'global'
}

function isForUnits(target: Target): target is UnitTarget {
  return !('sparsity' in target || 'threshold' in target)
}

function elementTarget(step: PruneStep): ElementTarget {
  const { structure, target } = step
  const fixed = structure.sparsity
  const actual = target ?? (fixed === undefined ? undefined : { sparsity: fixed })
  if (actual === undefined || isForUnits(actual)) throw wrongTarget(step, 'masks elements and takes a sparsity', '--sparsity 0.5')
  if (fixed === undefined || ('sparsity' in actual && Math.abs(actual.sparsity - fixed) < 1e-6)) return actual
  throw wrongTarget(
    step,
    `always masks ${fixed} of the elements, and takes no other target`,
    `--sparsity ${fixed}, or leave the target out`,
  )
}

/** What looks at weights only sees the same whatever was pruned before. */
function refuseIdleSequence({ criterion, sequential }: PruneStep): void {
  if (sequential !== true || criterion.kind !== undefined || Object.keys(criterion.needs).length > 0) return
  throw new PareError(`criterion '${criterion.name}' looks at weights only, and sequential pruning changes nothing about it.`, {
    hint: 'leave --sequential out, or choose a criterion that looks at data, such as wanda.',
  })
}

function checkSequential(scope: string): void {
  if (scope === 'row' || scope === 'tensor') return
  throw new PareError(`sequential pruning decides weight by weight, and scope '${scope}' ranks all of them together.`, {
    hint: 'say --scope row or --scope tensor, or leave --sequential out.',
  })
}

function checkRatio(ratio: number): void {
  if (ratio >= 0 && ratio < 1) return
  throw new PareError(`ratio is ${ratio}; a number from 0 to below 1 was expected.`, {
    hint: 'something of each group must remain; for a third of the units: --ratio 0.33',
  })
}

function checkBudget(budget: Budget): void {
  const [[kind, limit]] = Object.entries(budget) as [[string, number]]
  if (limit > 0 && limit <= 1) return
  throw new PareError(`${kind} is ${limit}; a fraction above 0 and up to 1 was expected.`, {
    hint: `half of them may remain: --target ${kind}=0.5`,
  })
}

function checkSparsity(sparsity: number): void {
  if (sparsity >= 0 && sparsity <= 1) return
  throw new PareError(`sparsity is ${sparsity}; a number from 0 to 1 was expected.`, {
    hint: 'half of the weights: --sparsity 0.5',
  })
}

function checkThreshold(threshold: number): void {
  if (threshold >= 0 && threshold < Number.POSITIVE_INFINITY) return
  throw new PareError(`threshold is ${threshold}; a finite number from 0 on was expected.`, {
    hint: 'weights below a hundredth: --threshold 0.01',
  })
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

import {
  type AnyCriterion,
  type Criterion,
  checkStep,
  type PresetStep,
  type PruneStep,
  type Solver,
  type Structure,
  type Target,
} from '@pare/core'
import { BUDGETS } from '@pare/core/choices'
import { present } from '@pare/onnx'
import type { PruneConfig, TargetConfig } from '../options/prune.js'
import { type PluginSource, resolveCriterion, resolveStructure } from '../plugins/plugins.js'
import { usage } from '../terminal/failure.js'
import { resolveAllocation } from './data/curves-file.js'
import { resolveMask } from './data/mask-file.js'
import { defaultCriterion } from './default-criterion.js'
import { isDrop } from './settings.js'

export interface StepSource extends PluginSource {
  /** The path of a mask starts here. Default: `folder` */
  readonly maskFolder?: string | undefined
  /** Whether there are calibration data that can be run. Default: false */
  readonly isCalibrated?: boolean
}

/**
 * A step with its plugins loaded and its defaults filled in: half of all elements or a quarter of the units, by magnitude or, with calibration data, by what
 * judges such units best.
 */
export async function resolveStep(step: PruneConfig | PresetStep, source: StepSource): Promise<PruneStep> {
  if ('mask' in step && step.mask !== undefined) return maskedStep({ ...step, mask: step.mask }, source)
  const { structure: shape = 'element', criterion: rule, target, allocation, refit, calibrated, ...own } = step
  const structure = await resolveStructure(shape, source)
  const { isCalibrated = false } = source
  const instead = isCalibrated ? calibrated : undefined
  const { scope: _, norm: __, ...others } = own
  const options = instead === undefined ? own : { ...others, ...present({ scope: instead.scope, norm: instead.norm }) }
  const name = instead?.criterion ?? rule ?? defaultCriterion({ structure, norm: own.norm, isCalibrated })
  const criterion = await resolveCriterion(name, source)
  // A default, and what stands in a criterion's place, judges every model that magnitude, or that criterion, judges.
  const second = instead === undefined ? (rule === undefined && name !== 'magnitude' ? 'magnitude' : undefined) : rule
  const otherwise = second === undefined ? undefined : isOfElements(await resolveCriterion(second, source))
  const spread = allocation && (await resolveAllocation(allocation, source))
  const essentials = { structure, criterion, target: readTarget(target, structure) }
  const resolved = {
    ...essentials,
    ...present({ otherwise, ...options, allocation: spread }),
  }
  const refitted = { ...resolved, ...(await resolveRefit(refit, source)) }
  checkStep(refitted)
  return refitted
}

function isOfElements(criterion: AnyCriterion): Criterion | undefined {
  return 'saliency' in criterion ? criterion : undefined
}

/** A step whose mask is decided already: what decides it otherwise is refused. */
async function maskedStep(
  {
    mask,
    structure = 'element',
    criterion,
    allocation,
    target,
    refit,
    calibrated: _,
    ...options
  }: PruneConfig & { readonly mask: string },
  source: StepSource,
): Promise<PruneStep> {
  const { maskFolder: folder = source.folder, workspace } = source
  if (criterion !== undefined)
    throw usage(
      `pare: mask ${mask} says which elements go, and criterion '${typeof criterion === 'string' ? criterion : criterion.name}' judges them.`,
      'leave --mask or --criterion out; in a config, make two steps of them',
    )
  if (refit !== undefined && mask === 'keep')
    throw usage(
      'pare: mask keep keeps the zeros that the model has, and refit makes up for what goes: nothing does.',
      'refit the model from before: --mask masks.npz --refit alps, where pare prune MODEL --mask keep --masks masks.npz writes the mask',
    )
  const shape = await resolveStructure(structure, source)
  const step = { structure: shape, ...present({ ...options, target, allocation }), ...(await resolveRefit(refit, source)) }
  // Before a file is looked for.
  checkStep({ ...step, criterion: { kind: 'mask', name: `mask ${mask}`, zeros: async () => undefined } } as PruneStep)
  return { ...step, criterion: await resolveMask(mask, { folder, workspace }) } as PruneStep
}

/** The solver that changes what stays. What else it may be is refused where steps are checked. */
async function resolveRefit(
  refit: PruneConfig['refit'] | PruneStep['refit'],
  source: StepSource,
): Promise<Pick<PruneStep, 'refit'>> {
  return refit === undefined ? {} : { refit: (await resolveCriterion(refit, source)) as Solver }
}

function readTarget(target: TargetConfig | undefined, { name, kind = 'mask', sparsity = 0.5 }: Structure): Target {
  if (isDrop(target))
    throw usage(
      `pare: a step of structure '${name}' has a largest drop for a target, and nothing searches for it here.`,
      'use pare prune or pare run, or say how much goes',
    )
  if (kind === 'cut') {
    if (target === undefined) return { ratio: 0.25 }
    if (!('sparsity' in target || 'threshold' in target)) return target
    const [[kindOfTarget, amount]] = Object.entries(target) as [[string, number]]
    throw usage(
      `pare: structure '${name}' cuts units and takes no ${kindOfTarget} (${amount}): that is for structures that mask.`,
      `say which share of the units goes: --ratio ${amount < 1 ? amount : 0.25}, or target: { ratio: ${amount < 1 ? amount : 0.25} }`,
    )
  }
  if (target === undefined) return { sparsity }
  if ('sparsity' in target || 'threshold' in target) return target
  if ('ratio' in target) {
    throw usage(
      `pare: structure '${name}' masks elements and takes no ratio (${target.ratio}): a ratio is for structures that cut.`,
      `say sparsity ${target.ratio} instead: --sparsity ${target.ratio}, or target: { sparsity: ${target.ratio} }`,
    )
  }
  const [[kindOfTarget, amount]] = Object.entries(target) as [[string, number]]
  throw usage(
    `pare: structure '${name}' masks elements and takes no target of ${kindOfTarget} (${amount}): zeros take as much room and work as other numbers.`,
    'say a sparsity, or choose a structure that cuts, such as --structure channel',
  )
}

/** 'magnitude on element, global, sparsity 0.5', 'mask from masks.npz on element' */
export function describeStep({ structure, criterion, target, scope, include, exclude, ...limits }: PruneStep): string {
  const only = include === undefined ? '' : `, only ${include.join(' ')}`
  const without = exclude === undefined ? '' : `, without ${exclude.join(' ')}`
  if (criterion.kind === 'mask') return `${criterion.name} on ${structure.name}${describeLimits(limits)}${only}${without}`
  const [[name, amount]] = Object.entries(target ?? { sparsity: structure.sparsity }) as [[string, number]]
  const goal = BUDGETS.some((kind) => kind === name) ? `at most ${amount} of ${name}` : `${name} ${amount}`
  return `${criterion.name}${limits.norm === undefined ? '' : ` (${limits.norm})`} on ${structure.name}, ${scope ?? (structure.kind === 'cut' ? 'group' : (('scope' in criterion ? criterion.scope : undefined) ?? 'global'))}, ${goal}${describeSpread(limits)}${limits.sequential === true ? ', sequential' : ''}${describeLimits(limits)}${only}${without}`
}

function describeSpread({ allocation, normalize }: Pick<PruneStep, 'allocation' | 'normalize'>): string {
  if (allocation === undefined) return normalize === undefined ? '' : `, normalized by ${normalize}`
  return `, spread by ${typeof allocation === 'string' ? allocation : Object.keys(allocation)[0]}`
}

function describeLimits({
  minUnits,
  multipleOf,
  uniform,
  refit,
}: Pick<PruneStep, 'minUnits' | 'multipleOf' | 'uniform' | 'refit'>): string {
  return [
    refit === undefined ? '' : `, refitted by ${refit.name}`,
    minUnits === undefined ? '' : `, at least ${minUnits} kept`,
    multipleOf === undefined ? '' : `, kept in multiples of ${multipleOf}`,
    uniform === true ? ', uniform' : '',
  ].join('')
}

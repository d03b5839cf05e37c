import type { PruneStep, Structure, Target } from '@pare/core'
import type { PruneConfig, TargetConfig } from './config.js'
import { usage } from './failure.js'
import { type PluginSource, resolveCriterion, resolveStructure } from './plugins.js'

/** A step with its plugins loaded and its defaults filled in: by magnitude, half of all elements or a quarter of the units. */
export async function resolveStep(step: PruneConfig, source: PluginSource): Promise<PruneStep> {
  const structure = await resolveStructure(step.structure ?? 'element', source)
  const criterion = await resolveCriterion(step.criterion ?? 'magnitude', source)
  const needs = Object.keys(criterion.needs)
  if (needs.length > 0) {
    throw usage(
      `pare: criterion '${criterion.name}' needs ${needs.join(', ')} of calibration data, and this version of pare does not calibrate.`,
      "use a criterion that looks at weights only, such as 'magnitude'",
    )
  }
  return {
    structure,
    criterion,
    target: readTarget(step.target, structure),
    ...(step.scope !== undefined && { scope: step.scope }),
    ...(step.include !== undefined && { include: step.include }),
    ...(step.exclude !== undefined && { exclude: step.exclude }),
  }
}

function readTarget(target: TargetConfig | undefined, { name, kind = 'mask' }: Structure): Target {
  if (kind === 'cut') {
    if (target === undefined) return { ratio: 0.25 }
    if ('ratio' in target) return target
    const [[given, amount]] = Object.entries(target) as [[string, number]]
    throw usage(
      `pare: structure '${name}' cuts units and takes no ${given} (${amount}): that is for structures that mask.`,
      `say which share of the units goes: --ratio ${amount < 1 ? amount : 0.25}, or target: { ratio: ${amount < 1 ? amount : 0.25} }`,
    )
  }
  if (target === undefined) return { sparsity: 0.5 }
  if (!('ratio' in target)) return target
  throw usage(
    `pare: structure '${name}' masks elements and takes no ratio (${target.ratio}): a ratio is for structures that cut.`,
    `say sparsity ${target.ratio} instead: --sparsity ${target.ratio}, or target: { sparsity: ${target.ratio} }`,
  )
}

/** 'magnitude on element, global, sparsity 0.5' */
export function describeStep({ structure, criterion, target, scope, include, exclude }: PruneStep): string {
  const [[name, amount]] = Object.entries(target) as [[string, number]]
  const goal = `${name} ${amount}`
  const only = include === undefined ? '' : `, only ${include.join(' ')}`
  const without = exclude === undefined ? '' : `, without ${exclude.join(' ')}`
  return `${criterion.name} on ${structure.name}, ${scope ?? (structure.kind === 'cut' ? 'group' : (criterion.scope ?? 'global'))}, ${goal}${only}${without}`
}

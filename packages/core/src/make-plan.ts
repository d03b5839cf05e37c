import { type Model, PareError } from '@pare/onnx'
import { analyse } from './analyse.js'
import { applyStep } from './apply.js'
import type { Criterion, Declined, Expression, Weight } from './contract.js'
import { cpu } from './cpu.js'
import type { MaskStep, Planned, PlanOptions, PlanStep, PruneStep } from './plan.js'
import { select } from './select.js'
import { trace } from './trace.js'

/** Decides what goes, step by step, each on the model that the steps before leave. Reads weights, changes nothing. */
export async function makePlan(model: Model, steps: readonly PruneStep[], options: PlanOptions): Promise<Planned> {
  const planned = { steps: [] as PlanStep[], groups: [] as Planned['groups'][number][], declined: [] as Declined[] }
  let current = model
  for (const step of steps) {
    const analysis = analyse(current, step)
    const { groups, declined } = step.structure.find(analysis)
    const notEligible = analysis.notEligible.map((weight) => ({ ...weight, structure: step.structure.name }))
    if (groups.length === 0) throw nothingToPrune(step, [...declined, ...notEligible])
    const planStep = await planMask(
      step,
      groups.map(({ weight }) => weight),
      options,
    )
    current = applyStep(current, planStep, options)
    planned.steps.push(planStep)
    planned.groups.push(...groups.map((group) => ({ ...group, structure: step.structure.name })))
    planned.declined.push(...declined, ...notEligible)
  }
  return planned
}

async function planMask(step: PruneStep, weights: readonly Weight[], options: PlanOptions): Promise<MaskStep> {
  checkNeeds(step.criterion)
  const scope = step.scope ?? step.criterion.scope ?? 'global'
  const traced = trace(step.criterion)
  const saliency: Expression = 'threshold' in step.target ? { op: 'abs', of: traced } : traced
  const { precision, selections } = await select({ weights, scope, target: step.target, saliency }, { backend: cpu, ...options })
  return {
    kind: 'mask',
    structure: step.structure.name,
    criterion: step.criterion.name,
    scope,
    target: step.target,
    saliency,
    precision,
    weights: weights.map(({ id, tensor }, i) => ({ id, elements: tensor.shape.reduce((a, b) => a * b, 1), ...selections[i]! })),
  }
}

function checkNeeds({ name, needs }: Criterion): void {
  const keys = Object.keys(needs)
  if (keys.length === 0) return
  throw new PareError(
    `criterion '${name}' needs statistics (${keys.join(', ')}) measured on calibration data, and this version measures none yet.`,
    {
      hint: 'choose a criterion that looks at weights only: magnitude or random.',
    },
  )
}

function nothingToPrune({ structure, include, exclude }: PruneStep, declined: readonly Declined[]): PareError {
  const limits = [
    ...(include ?? []).map((glob) => `--include '${glob}'`),
    ...(exclude ?? []).map((glob) => `--exclude '${glob}'`),
  ]
  const why = declined.slice(0, 5).map(({ id, reason }) => `'${id}' (${reason})`)
  return new PareError(
    `structure '${structure.name}' finds nothing to prune${limits.length > 0 ? ` under ${limits.join(' ')}` : ''}${why.length > 0 ? `: left out are ${why.join(', ')}` : ''}.`,
    { hint: 'pare inspect MODEL lists the weights and why each is left out.' },
  )
}

import { type Model, PareError } from '@pare/onnx'
import { analyse } from './analyse.js'
import { applyStep } from './apply.js'
import type { Analysis, CoupledGroup, Criterion, Declined, Expression, Group, Weight } from './contract.js'
import { cpu } from './cpu.js'
import { findCoupling } from './dependency/groups.js'
import type { CutStep, MaskStep, Planned, PlanOptions, PlanStep, PruneStep } from './plan.js'
import { select } from './select.js'
import { newBuffers, precisionOf } from './stream.js'
import { trace } from './trace.js'
import { scoreUnits, selectUnits } from './units.js'

/** Decides what goes, step by step, each on the model that the steps before leave. Reads weights, changes nothing. */
export async function makePlan(model: Model, steps: readonly PruneStep[], options: PlanOptions): Promise<Planned> {
  const planned = { steps: [] as PlanStep[], groups: [] as Planned['groups'][number][], declined: [] as Declined[] }
  let current = model
  for (const step of steps) {
    const analysis = await analysisFor(current, step)
    const { groups, declined } = step.structure.find(analysis)
    const notEligible = analysis.notEligible.map(({ id, reason }) => ({ id, reason, structure: step.structure.name }))
    if (groups.length === 0) throw nothingToPrune(step, [...declined, ...notEligible])
    const planStep = await planStepOf(step, groups, options)
    current = await applyStep(current, planStep, options)
    planned.steps.push(planStep)
    planned.groups.push(...groups.map((group) => ({ ...group, structure: step.structure.name })))
    planned.declined.push(...declined, ...notEligible)
  }
  return planned
}

/** Coupled groups are found only where they are asked for: that walks the whole graph. */
async function analysisFor(model: Model, step: PruneStep): Promise<Analysis> {
  const analysis = analyse(model, step)
  return step.structure.kind === 'cut'
    ? { ...analysis, coupled: eligible((await findCoupling(model)).groups, analysis) }
    : analysis
}

/** Groups with a weight that the user has left out are held. */
function eligible(groups: readonly CoupledGroup[], { notEligible }: Analysis): CoupledGroup[] {
  const leftOut = new Map(notEligible.filter(({ byUser }) => byUser).map(({ id, reason }) => [id, reason]))
  return groups.map((group) => {
    const slice = group.slices.find(({ id, scored }) => scored && leftOut.has(id))
    return slice === undefined || group.held !== undefined
      ? group
      : { ...group, held: `'${slice.id}' is ${leftOut.get(slice.id)}` }
  })
}

async function planStepOf(step: PruneStep, groups: readonly Group[], options: PlanOptions): Promise<PlanStep> {
  const coupled = groups.filter((group) => group.kind === 'coupled')
  const masked = groups.filter((group) => group.kind === 'mask')
  if (coupled.length > 0 && masked.length > 0)
    throw new Error(`structure '${step.structure.name}' mixes groups that are masked with groups that are cut`)
  if (coupled.length > 0) return planCut(step, coupled, options)
  return planMask(
    step,
    masked.map(({ weight }) => weight),
    options,
  )
}

async function planCut(step: PruneStep, groups: readonly CoupledGroup[], options: PlanOptions): Promise<CutStep> {
  checkNeeds(step.criterion)
  if (!('ratio' in step.target)) throw wrongTarget(step, 'cuts units and takes a ratio', '--ratio 0.3')
  const scope = step.scope ?? 'group'
  const reading = {
    precision: precisionOf(groups.flatMap(({ slices }) => slices)),
    buffers: newBuffers(),
    progress: () => options.signal?.throwIfAborted(),
  }
  const scored = []
  for (const [done, group] of groups.entries()) {
    scored.push({
      group,
      scores: await scoreUnits(group, trace(step.criterion), { ...reading, seed: options.seed, backend: options.backend ?? cpu }),
    })
    options.onProgress?.({ done: done + 1, total: groups.length })
  }
  const selections = selectUnits(scored, { scope, ratio: step.target.ratio, multipleOf: step.multipleOf ?? 1 })
  return {
    kind: 'cut',
    structure: step.structure.name,
    criterion: step.criterion.name,
    scope,
    target: step.target,
    groups: selections.map(({ group, removed }) => ({ id: group.id, units: group.units, removed })),
  }
}

function wrongTarget({ structure, target }: PruneStep, takes: string, instead: string): PareError {
  return new PareError(`structure '${structure.name}' ${takes}, not ${JSON.stringify(target)}.`, { hint: `say ${instead}` })
}

async function planMask(step: PruneStep, weights: readonly Weight[], options: PlanOptions): Promise<MaskStep> {
  checkNeeds(step.criterion)
  if (!('sparsity' in step.target || 'threshold' in step.target))
    throw wrongTarget(step, 'masks elements and takes a sparsity', '--sparsity 0.5')
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

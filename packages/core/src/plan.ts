import { type Model, PareError } from '@pare/onnx'
import { type AnalyseOptions, analyse } from './analyse.js'
import { applyStep } from './apply.js'
import type { Backend, Precision } from './backend.js'
import type { Criterion, Declined, Expression, Group, Scope, Structure, Weight } from './contract.js'
import { cpu } from './cpu.js'
import type { RowThresholds } from './rows.js'
import { select } from './select.js'
import type { Threshold } from './threshold.js'
import { trace } from './trace.js'

/** Everything that is done to a model, in order: printable, diffable, and replayed to the same bytes anywhere. */
export interface Plan {
  readonly schemaVersion: 1
  readonly kind: 'plan'
  /** The model it was made for. */
  readonly model: ModelFacts
  readonly seed: number
  readonly steps: readonly PlanStep[]
}

export interface ModelFacts {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

/** Steps of other kinds (cut, permute, update) join this union: docs/decisions/002-contract.md. */
export type PlanStep = MaskStep

/** Elements of some weights are zeroed. What a criterion thinks stands here as an expression, so that replay needs no plugin. */
export interface MaskStep {
  readonly kind: 'mask'
  readonly structure: string
  readonly criterion: string
  readonly scope: Scope
  readonly target: Target
  readonly saliency: Expression
  readonly precision: Precision
  readonly weights: readonly MaskedWeight[]
}

export interface MaskedWeight {
  readonly id: string
  readonly elements: number
  /** Elements that were zero before. */
  readonly zeros: number
  /** Elements that are zero after. */
  readonly masked: number
  readonly rule: Threshold | RowThresholds
}

/** How much goes. Sparsity = zeros ÷ elements over the eligible weights, those that are zero already included; threshold: |saliency| below it goes. */
export type Target = { readonly sparsity: number } | { readonly threshold: number }

/** One thing to do, as the user says it. */
export interface PruneStep extends AnalyseOptions {
  readonly structure: Structure
  readonly criterion: Criterion
  readonly target: Target
  /** What is ranked together. Default: the criterion's, else 'global'. */
  readonly scope?: Scope
}

export interface PlanOptions {
  /** A safe integer ≥ 0. */
  readonly seed: number
  /** Stops the work: `throwIfAborted` is called between chunks. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
  /** Default: the fused CPU backend. */
  readonly backend?: Backend
}

export interface Progress {
  readonly done: number
  /** Estimated: further passes may be needed. */
  readonly total: number
}

/** A plan without the facts of the model's file, which whoever opened it adds, and what was found on the way. */
export interface Planned {
  readonly steps: readonly PlanStep[]
  readonly groups: readonly (Group & { readonly structure: string })[]
  readonly declined: readonly Declined[]
}

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

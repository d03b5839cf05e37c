import { elementCount, type Model, PareError, present } from '@pare/onnx'
import { analyse, weightsOf } from '../analyse/analyse.js'
import { analyseUnits } from '../analyse/analyse-units.js'
import { findGroups } from '../analyse/found-groups.js'
import { applyStep } from '../apply/apply.js'
import { measure } from '../calibrate/measure.js'
import type { DeclinedPart, Group, MaskGroup, UnitGroup } from '../contract/contract.js'
import { planStepsOf } from '../plan/make-plan.js'
import type { PlanOptions, PruneStep } from '../plan/plan.js'
import { gateOf, withGates } from './gates.js'
import { bytesToSet, inputValueOf, notSettable, withSettable } from './settable.js'
import type { OpenTrials, Setting, TrialLoss, Trials } from './trials.js'

/** What is pruned, each weight or group on its own, and how much of it. */
export interface CurveRequest {
  readonly step: Omit<PruneStep, 'target'>
  /** Sparsities, or ratios for structures that cut, above 0 and ascending. Where the structure makes one sparsity, that alone. */
  readonly amounts: readonly number[]
  /** Values are losses where a lower metric is better, else losses are what it falls by. */
  readonly loss: TrialLoss & { readonly better?: 'lower' | 'higher' }
}

export interface Curves {
  /** Of structures that mask. */
  readonly weights: readonly WeightCurve[]
  /** Of structures that cut. */
  readonly groups: readonly GroupCurve[]
  /** What the whole model has: the metric, or the loss. */
  readonly reference: number
  readonly declined: readonly DeclinedPart[]
}

/** What pruning this alone costs, from nothing on: the loss above that of the whole model. Below 0 where it helps. */
export interface WeightCurve {
  readonly id: string
  /** Name of the operator that reads it first. */
  readonly node: string
  readonly elements: number
  readonly points: readonly { readonly sparsity: number; readonly loss: number }[]
}

export interface GroupCurve {
  readonly id: string
  readonly units: number
  readonly points: readonly { readonly ratio: number; readonly loss: number }[]
}

/**
 * Loss against sparsity of each weight, or against ratio of each group, every one pruned alone. The model is loaded once, with the weights as inputs, or
 * once for each 256 MiB of weights; with units by gates. Costs a pass over the data for each point.
 */
export async function lossCurves(model: Model, request: CurveRequest, options: PlanOptions): Promise<Curves> {
  const { step } = request
  const { trials } = options
  if (trials === undefined)
    throw new PareError('loss curves need data to run on, and there are none.', { hint: 'name them: --data data.npz' })
  const analysis = step.structure.kind === 'cut' ? await analyseUnits(model, step) : analyse(model, step)
  const { groups, declined } = findGroups(step.structure, analysis)
  if (groups.length === 0) throw nothing(step)
  const tried = { model, request, options, openTrials: trials }
  const masked = groups.filter((group) => group.kind === 'mask')
  if (masked.length === 0) return { weights: [], declined, ...(await groupCurves(groups as UnitGroup[], tried)) }
  const left = masked.map((group) => ({ group, reason: notSettable(model, group.weight) }))
  const possible = left.flatMap(({ group, reason }) => (reason === undefined ? [group] : []))
  const refused = left.flatMap(({ group: { id }, reason }) =>
    reason === undefined ? [] : [{ id, structure: step.structure.name, reason }],
  )
  if (possible.length === 0) throw nothing(step)
  return { groups: [], declined: [...declined, ...refused], ...(await weightCurves(possible, tried)) }
}

function nothing({ structure }: CurveRequest['step']): PareError {
  return new PareError(`structure '${structure.name}' finds nothing whose loss could be measured.`, {
    hint: 'pare inspect MODEL lists what each structure finds, and why the rest is left alone.',
  })
}

interface Trying {
  readonly model: Model
  readonly request: CurveRequest
  readonly options: PlanOptions
  readonly openTrials: OpenTrials
}

async function weightCurves(groups: readonly MaskGroup[], trying: Trying): Promise<Pick<Curves, 'weights' | 'reference'>> {
  const { model, request, options, openTrials } = trying
  const { signal } = options
  const measuring = { ...trying, options: { ...options, ...(await measuredFor(groups, trying)) } }
  const { structure } = request.step
  const amounts = structure.sparsity === undefined ? request.amounts : [structure.sparsity]
  const curves: WeightCurve[] = []
  let reference: number | undefined
  for (const session of inPasses(groups, SESSION_BYTES)) {
    const settable = await withSettable(
      model,
      session.map(({ weight }) => weight),
    )
    await using trials = await openTrials(settable.model, { defaults: settable.defaults, ...present({ signal }) })
    reference ??= await referenceOf(trials, trying)
    for (const group of session) {
      const settings: Setting[] = []
      for (const amount of amounts) settings.push({ [group.id]: await prunedAlone(group, amount, measuring) })
      const losses = await lossesOf(trials, { id: group.id, settings, reference, from: curves.length, of: groups.length }, trying)
      const points = [{ sparsity: 0, loss: 0 }, ...amounts.map((sparsity, i) => ({ sparsity, loss: losses[i]! }))]
      curves.push({
        id: group.id,
        node: group.weight.uses[0]?.name ?? '',
        elements: elementCount(group.weight.tensor.shape),
        points,
      })
    }
  }
  return { weights: curves, reference: reference! }
}

/** What weights of one session, which are held in memory, take at most. */
const SESSION_BYTES = 2 ** 28

/** What the criterion must know of data, measured once for all weights. */
async function measuredFor(
  groups: readonly MaskGroup[],
  { model, request, options }: Trying,
): Promise<Pick<PlanOptions, 'measured'>> {
  const { criterion } = request.step
  const { forward, onPadding, signal, measured } = options
  if (!('needs' in criterion) || Object.keys(criterion.needs).length === 0 || measured !== undefined || forward === undefined)
    return {}
  const weights = groups.map(({ weight }) => weight)
  return { measured: await measure(model, weights, criterion.needs, { forward, onPadding, ...present({ signal }) }) }
}

/** A weight as it is where nothing else is pruned. */
async function prunedAlone(group: MaskGroup, sparsity: number, { model, request, options }: Trying) {
  const { onProgress: _, ...quiet } = options
  let current = model
  for (const step of await stepsFor([group], sparsity, { model, request, options: quiet }))
    current = await applyStep(current, step, options)
  const weight = weightsOf(current).find(({ id }) => id === group.id)
  if (weight === undefined) throw new Error(`weight '${group.id}' is gone after it was masked`)
  return inputValueOf(weight.tensor)
}

function stepsFor(groups: readonly Group[], amount: number, { model, request, options }: Omit<Trying, 'openTrials'>) {
  const { structure, criterion, scope, norm, minUnits, multipleOf } = request.step
  const target = structure.kind === 'cut' ? { ratio: amount } : { sparsity: amount }
  const more = {
    ...(scope && { scope }),
    ...(norm && { norm }),
    ...(minUnits && { minUnits }),
    ...(multipleOf && { multipleOf }),
  }
  // Alone, a weight has no blocks before it.
  const sequential = criterion.kind === 'solver' ? { sequential: false } : {}
  return planStepsOf({ structure, criterion, target, ...more, ...sequential }, { groups, model, original: model }, options)
}

async function groupCurves(groups: readonly UnitGroup[], trying: Trying): Promise<Pick<Curves, 'groups' | 'reference'>> {
  const { model, request, options, openTrials } = trying
  const { signal } = options
  const { onProgress: _, ...quiet } = options
  const gated = await withGates(model, groups)
  const removed: (readonly (readonly number[])[])[] = []
  for (const ratio of request.amounts) {
    const [step] = await stepsFor(groups, ratio, { model, request, options: quiet })
    if (step?.kind !== 'cut') throw new Error(`structure '${request.step.structure.name}' did not cut`)
    removed.push(step.groups.map((group) => group.removed))
  }
  await using trials = await openTrials(gated.model, { defaults: gated.defaults, ...present({ signal }) })
  const reference = await referenceOf(trials, trying)
  const curves: GroupCurve[] = []
  for (const [g, { id, units }] of groups.entries()) {
    const settings = removed.map((of): Setting => {
      const data = new Float32Array(units).fill(1)
      for (const unit of of[g]!) data[unit] = 0
      return { [gateOf(id)]: { type: 'float32', shape: [units], data } }
    })
    const losses = await lossesOf(trials, { id, settings, reference, from: g, of: groups.length }, trying)
    curves.push({
      id,
      units,
      points: [{ ratio: 0, loss: 0 }, ...request.amounts.map((ratio, i) => ({ ratio, loss: losses[i]! }))],
    })
  }
  return { groups: curves, reference }
}

async function referenceOf(trials: Trials, { request: { loss } }: Trying): Promise<number> {
  const [value] = await trials.losses([{}], loss)
  if (Number.isFinite(value)) return value!
  throw new PareError(`the loss of the whole model is ${value}.`, {
    hint: 'check the model and the data: pare evaluate MODEL --data DATA.',
  })
}

interface CurveTrials {
  readonly id: string
  readonly settings: readonly Setting[]
  readonly reference: number
  /** Which of how many things is tried. */
  readonly from: number
  readonly of: number
}

/** Losses above that of the whole model. */
async function lossesOf(
  trials: Trials,
  { id, settings, reference, from, of }: CurveTrials,
  { request: { loss }, options: { onProgress } }: Trying,
): Promise<number[]> {
  const report = ({ done, total = done }: { done: number; total?: number }) =>
    onProgress?.({ done: from * total + done, total: of * total })
  const values = await trials.losses(settings, { ...loss, onProgress: report })
  return values.map((value) => {
    if (!Number.isFinite(value)) throw notFinite(id, value)
    return loss.better === 'higher' ? reference - value : value - reference
  })
}

function notFinite(id: string, value: number): PareError {
  return new PareError(`the loss is ${value} once '${id}' is pruned.`, {
    hint: `leave it out with --exclude '${id}', or look at less sparsity.`,
  })
}

function inPasses(groups: readonly MaskGroup[], budget: number): MaskGroup[][] {
  const passes: MaskGroup[][] = []
  let left = 0
  for (const group of groups) {
    const bytes = bytesToSet(group.weight)
    if (passes.length === 0 || bytes > left) {
      passes.push([])
      left = budget
    }
    passes.at(-1)!.push(group)
    left -= bytes
  }
  return passes
}

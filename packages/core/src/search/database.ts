import { lazyPayload, type Model, present, readAll, readRegular, sha256 } from '@pare/onnx'
import { weightsOf } from '../analyse/analyse.js'
import { applyStep } from '../apply/apply.js'
import type { UpdatedTensor } from '../apply/update.js'
import { measure } from '../calibrate/measure.js'
import { stagesOf } from '../calibrate/stages.js'
import type { Needs } from '../calibrate/statistics/statistics.js'
import type { MaskGroup, Weight } from '../contract/contract.js'
import type { PlanOptions, PlanStep, PruneStep } from '../plan/plan.js'
import type { InputFile } from '../probe/trials.js'
import type { Ladder } from './ladder.js'
import type { SearchState } from './state.js'

export interface DatabaseRequest {
  readonly step: PruneStep
  readonly groups: readonly MaskGroup[]
  readonly model: Model
  readonly ladder: Ladder
  readonly state: SearchState
  /** What the step does to some groups of a model, so many elements of each weight going. */
  planFor(
    groups: readonly MaskGroup[],
    counts: Readonly<Record<string, number>>,
    model: Model,
    options: PlanOptions,
  ): Promise<readonly PlanStep[]>
  onSolved?(done: number, total: number): void
}

/** Values of each weight at each of its levels, in files. */
export type LevelDatabase = ReadonlyMap<string, readonly InputFile[]>

/**
 * Solves each weight at each level, stage by stage as the step does: all levels of a stage meet what the stages before let through at their starting levels. What the
 * state holds is not solved again.
 */
export async function solveLevels(request: DatabaseRequest, options: PlanOptions): Promise<LevelDatabase> {
  const { step, groups, model, ladder } = request
  const { onProgress: _, ...quiet } = options
  const byId = new Map(groups.map((group) => [group.id, group]))
  const isWhole =
    step.sequential === false || (step.sequential !== true && step.criterion.kind !== 'solver' && step.refit === undefined)
  const weights = groups.map(({ weight }) => weight)
  const stages = isWhole ? [weights] : await stagesOf(model, weights)
  const database = new Map<string, readonly InputFile[]>()
  const total = ladder.weights.reduce((sum, { zeros }) => sum + zeros.length, 0)
  let done = 0
  let current = model
  for (const stage of stages) {
    const solving = { ...request, model: current, stage: stage.map(({ id }) => byId.get(id)!) }
    const onLevel = (levels: number) => {
      done += levels
      request.onSolved?.(done, total)
    }
    for (const [id, values] of await solveStage(solving, quiet, onLevel)) database.set(id, values)
    current = await applyStep(
      current,
      { kind: 'update', by: 'search', tensors: await startsOf(stage, ladder, request.state), notes: [] },
      quiet,
    )
  }
  return database
}

interface StageRequest extends DatabaseRequest {
  readonly stage: readonly MaskGroup[]
}

async function solveStage(
  request: StageRequest,
  options: PlanOptions,
  onLevel: (levels: number) => void,
): Promise<ReadonlyMap<string, readonly InputFile[]>> {
  const { stage, ladder, model } = request
  const own = ladder.weights.filter(({ id }) => stage.some((group) => group.id === id))
  const solved = new Map<string, InputFile[]>(own.map(({ id }) => [id, []]))
  const most = Math.max(...own.map(({ zeros }) => zeros.length))
  let measured: Pick<PlanOptions, 'measured'> | undefined
  for (let level = 0; level < most; level++) {
    options.signal?.throwIfAborted()
    const here = own.filter(({ zeros }) => level < zeros.length)
    const missing: typeof here = []
    for (const weight of here)
      if ((await request.state.find(levelName(weight.id, weight.zeros[level]!))) === undefined) missing.push(weight)
    if (missing.length > 0) {
      measured ??= await measuredFor(request, options)
      const groups = stage.filter(({ id }) => missing.some((weight) => weight.id === id))
      const counts = Object.fromEntries(missing.map(({ id, zeros }) => [id, zeros[level]!]))
      let changed = model
      for (const planned of await request.planFor(groups, counts, model, { ...options, ...measured }))
        changed = await applyStep(changed, planned, options)
      await keepAll(groups, { counts, changed, state: request.state })
    }
    for (const { id, zeros } of here) solved.get(id)!.push(await storedAt(stage, id, zeros[level]!, request.state))
    onLevel(here.length)
  }
  return solved
}

async function keepAll(
  groups: readonly MaskGroup[],
  { counts, changed, state }: { counts: Readonly<Record<string, number>>; changed: Model; state: SearchState },
): Promise<void> {
  const weights = new Map(weightsOf(changed).map((weight) => [weight.id, weight]))
  for (const { id } of groups) await state.keep(levelName(id, counts[id]!), await readAll(weights.get(id)!.tensor.data))
}

async function storedAt(stage: readonly MaskGroup[], id: string, zeros: number, state: SearchState): Promise<InputFile> {
  const { type, shape } = stage.find((group) => group.id === id)!.weight.tensor
  return { type: type as InputFile['type'], shape, path: (await state.find(levelName(id, zeros)))! }
}

/** What is kept of a weight with so many zeros is called so. */
function levelName(id: string, zeros: number): string {
  return `${id} ${zeros}`
}

/** What criterion and refit must know of data, measured once for all levels of a stage. */
async function measuredFor({ step, stage, model }: StageRequest, options: PlanOptions): Promise<Pick<PlanOptions, 'measured'>> {
  const { criterion, refit } = step
  const needs: Needs = {
    ...prefixed('criterion', 'needs' in criterion ? criterion.needs : {}),
    ...prefixed('refit', refit?.needs ?? {}),
  }
  if (Object.keys(needs).length === 0 || options.measured !== undefined) return {}
  const weights: readonly Weight[] = stage.map(({ weight }) => weight)
  const { forward, gradients, signal, onPadding } = options
  return { measured: await measure(model, weights, needs, { ...present({ forward, gradients, signal }), onPadding }) }
}

const prefixed = (who: string, needs: Needs): Needs =>
  Object.fromEntries(Object.entries(needs).map(([key, each]) => [`${who} ${key}`, each]))

/** What weights are at their starting levels. Each is read when it is needed. */
async function startsOf(
  stage: readonly Weight[],
  { weights, start }: Ladder,
  state: SearchState,
): Promise<readonly UpdatedTensor[]> {
  const tensors: UpdatedTensor[] = []
  for (const { id, tensor } of stage) {
    const w = weights.findIndex((weight) => weight.id === id)
    const path = (await state.find(levelName(id, weights[w]!.zeros[start[w]!]!)))!
    const data = lazyPayload(tensor.data.byteLength, () => readRegular(path))
    tensors.push({ id, type: tensor.type, shape: tensor.shape, sha256: await sha256(path), data })
  }
  return tensors
}

import {
  applyPlan,
  type CalibrationFacts,
  countParameters,
  type PlanOutcome,
  type PlanStep,
  type SearchFacts,
  searchOf,
} from '@pare/core'
import type { Model } from '@pare/onnx'
import { present } from '@pare/onnx'
import type { DeviceFacts } from '../engine/device.js'
import type { Work } from '../engine/work.js'
import type { ModelHashes } from '../files/hash-model.js'
import type { RetrainConfig } from '../options/recover.js'
import { type Proof, prove } from '../proof/prove.js'
import { stagesOf } from '../settings/schedule.js'
import type { Task } from '../settings/task.js'
import { decide } from './decide.js'
import { describeDefaults } from './facts/default-choices.js'
import { type BlocksFacts, recoverBlockwise } from './steps/blocks.js'
import { type RepairFacts, repairModel } from './steps/repair.js'
import { retrainModel, type TrainingFacts } from './steps/retrain.js'

/** What stages need besides the task. */
export interface Staging {
  /** Of the model. */
  readonly hashes: () => Promise<ModelHashes>
  /** Where a training stands is written to this path, and what tells the stage. */
  readonly state: string
  /** Folder in which searches keep what they have done, and what tells the stage. */
  readonly searches: string
  /** Called with a model once it is pruned and not recovered yet, where there is one stage only. Default: nobody looks at it */
  readonly onPruned?: (pruned: Model, steps: readonly PlanStep[]) => Promise<void>
  /** Called with what each stage but the last one left. Default: nobody looks at it */
  readonly onStage?: (model: Model, stage: { readonly number: number; readonly count: number }) => Promise<void>
}

/** A model that was pruned, in one stage or several, and recovered in each. */
export interface StagedModel {
  readonly pruned: Model
  /** All that was done, in order: what a plan holds. */
  readonly steps: readonly PlanStep[]
  /** With the groups that were found, and what was declined. */
  readonly planned: PlanOutcome
  /** Where it was decided what goes, in the last stage. */
  readonly device: DeviceFacts
  readonly calibration?: CalibrationFacts
  readonly proofs: readonly Proof[]
  readonly repair?: RepairFacts
  /** One for each stage in which blocks were trained. */
  readonly blocks: readonly BlocksFacts[]
  readonly trainings: readonly TrainingFacts[]
  readonly warnings: readonly string[]
  /** How searches of allocations went. */
  readonly searches: readonly SearchFacts[]
  /** Files and folders in which trainings and searches stand, to be removed once everything is written. */
  readonly states: readonly string[]
}

/** Decides, proves, applies and recovers, stage by stage: each judges what the one before left. */
export async function pruneInStages(reference: Model, task: Task, staging: Staging, work: Work): Promise<StagedModel> {
  const all = stagesOf(task.steps, task.schedule)
  let current = reference
  const stages: Stage[] = []
  const states: string[] = []
  for (const [index, steps] of all.entries()) {
    const state = `${staging.state}${all.length === 1 ? '' : `-${index + 1}`}`
    const searches = `${staging.searches}${all.length === 1 ? '' : `-${index + 1}`}`
    const place = { ...staging, reference, index, count: all.length, state, searches }
    const stage = await pruneStage(current, { ...task, steps }, place, work)
    current = stage.pruned
    stages.push(stage)
    if (index < all.length - 1) await staging.onStage?.(current, { number: index + 1, count: all.length })
    if (task.recover.retrain !== undefined) states.push(state)
    if (steps.some(({ allocation }) => searchOf(allocation) !== undefined)) states.push(searches)
  }
  return { ...joined(stages), states }
}

/** What stages did, as one. */
function joined(stages: readonly Stage[]): Omit<StagedModel, 'states'> {
  const { calibration, device, pruned } = stages.at(-1)!
  const repair = sumOf(stages.flatMap((stage) => stage.repair ?? []))
  const steps = stages.flatMap((stage) => stage.steps)
  return {
    pruned,
    steps,
    planned: { steps, groups: stages.flatMap(({ planned }) => planned.groups), declined: stages[0]!.planned.declined },
    device,
    ...present({ calibration }),
    proofs: stages.flatMap(({ proofs }) => proofs),
    ...present({ repair }),
    blocks: stages.flatMap(({ blocks }) => blocks ?? []),
    trainings: stages.flatMap(({ training }) => training ?? []),
    searches: stages.flatMap(({ searches }) => searches),
    warnings: [...new Set(stages.flatMap(({ warnings }) => warnings))],
  }
}

interface Stage
  extends Pick<
    StagedModel,
    'pruned' | 'steps' | 'planned' | 'device' | 'calibration' | 'proofs' | 'repair' | 'searches' | 'warnings'
  > {
  readonly blocks?: BlocksFacts
  readonly training?: TrainingFacts
}

interface Place extends Staging {
  /** Before the first stage. */
  readonly reference: Model
  readonly index: number
  readonly count: number
}

async function pruneStage(model: Model, task: Task, place: Place, work: Work): Promise<Stage> {
  const { seed } = task
  const { planned, ...decided } = await decide(model, task, { hashes: place.hashes, searches: place.searches, work })
  const { steps } = planned
  if (place.index === 0) for (const sentence of describeDefaults(task, steps)) work.progress.note(`${work.label}: ${sentence}`)
  const proofs = task.prove ? await prove({ model, steps, seed }, work) : []
  const pruned = await applyPlan(model, { seed, steps })
  if (place.count === 1) await place.onPruned?.(pruned, steps)
  const recovered = await recoverStage({ model, pruned, steps }, task, place, work)
  return { ...decided, ...recovered, steps: [...steps, ...recovered.steps], planned, proofs }
}

interface Recovering {
  /** Before the stage. */
  readonly model: Model
  readonly pruned: Model
  /** What was done to it in this stage. */
  readonly steps: readonly PlanStep[]
}

/** Repairs, trains block by block and retrains, as it is wanted: the model then, and the steps that made it. */
async function recoverStage(
  { model, pruned, steps }: Recovering,
  { seed, recover, calibration, training }: Task,
  { reference, index, count, state }: Place,
  work: Work,
): Promise<Pick<Stage, 'pruned' | 'steps' | 'repair' | 'blocks' | 'training'>> {
  let current = pruned
  const more: PlanStep[] = []
  const facts: { repair?: RepairFacts; blocks?: BlocksFacts; training?: TrainingFacts } = {}
  const add = async (step: PlanStep) => {
    current = await applyPlan(current, { seed, steps: [step] })
    more.push(step)
  }
  if (recover.repair && calibration !== undefined) {
    const job = { reference: model, pruned: current, steps, seed, calibration: calibration.run }
    const { step, batchNormalizations, matched, refit } = await repairModel(job, work)
    await add(step)
    facts.repair = { batchNormalizations, matched, refit, notes: step.notes }
  }
  if (recover.blocks !== undefined && calibration !== undefined) {
    const job = { reference: model, pruned: current, steps: [...steps, ...more], seed, calibration: calibration.run }
    const { step, facts: own } = await recoverBlockwise({ ...job, settings: recover.blocks }, work)
    if (step.tensors.length > 0) await add(step)
    facts.blocks = own
  }
  if (recover.retrain !== undefined && training !== undefined) {
    const retrain = partOf(recover.retrain, { index, count })
    const removed = await removedOf(reference, current)
    const stage = count === 1 ? '' : `, stage ${index + 1} of ${count}`
    const trained = await retrainModel({ reference, pruned: current, training, retrain, seed, removed, state, stage }, work)
    for (const step of trained.steps) await add(step)
    facts.training = trained.facts
  }
  return { pruned: current, steps: more, ...facts }
}

/** Share of the parameters that is gone. */
async function removedOf(reference: Model, pruned: Model): Promise<number> {
  const before = (await countParameters(reference)).elements
  return before === 0 ? 0 : 1 - (await countParameters(pruned)).elements / before
}

const DEFAULT_EPOCHS = 3

/** Half of all training belongs to the last of several stages, and the others share the rest. */
export function partOf(
  retrain: RetrainConfig,
  { index, count }: { readonly index: number; readonly count: number },
): RetrainConfig {
  if (count === 1) return retrain
  const share = index === count - 1 ? 0.5 : 0.5 / (count - 1)
  const { steps, epochs = DEFAULT_EPOCHS, ...others } = retrain
  return steps === undefined
    ? { ...others, epochs: epochs * share }
    : { ...others, steps: Math.max(1, Math.round(steps * share)) }
}

function sumOf(repairs: readonly RepairFacts[]): RepairFacts | undefined {
  if (repairs.length === 0) return undefined
  const sum = (what: 'batchNormalizations' | 'matched' | 'refit') => repairs.reduce((total, repair) => total + repair[what], 0)
  return {
    ...{ batchNormalizations: sum('batchNormalizations'), matched: sum('matched'), refit: sum('refit') },
    notes: [...new Set(repairs.flatMap(({ notes }) => notes))],
  }
}

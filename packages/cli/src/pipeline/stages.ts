import { applyPlan, type CalibrationFacts, countParameters, type Planned, type PlanStep, type PruneStep } from '@pare/core'
import type { Model } from '@pare/onnx'
import type { DeviceFacts } from '../engine/device.js'
import type { Engine, Work } from '../engine/work.js'
import type { ModelHashes } from '../files/hash-model.js'
import { type Proof, prove } from '../proof/prove.js'
import type { CalibrationSource } from '../settings/calibration.js'
import { NO_RECOVERY, type Recover, type RetrainConfig } from '../settings/recover.js'
import { type ScheduleConfig, stagesOf } from '../settings/schedule.js'
import type { TrainingSource } from '../settings/training.js'
import { decide } from './decide.js'
import { type RepairFacts, repairModel } from './repair.js'
import { retrainModel, type TrainingFacts } from './retrain.js'

export interface StageJob {
  readonly steps: readonly PruneStep[]
  /** Default: 'one-shot' */
  readonly schedule?: ScheduleConfig
  /** What is done once the model is pruned, and its cuts are proved: in each stage. Default: nothing */
  readonly recover?: Recover
  /** Whether what is cut or permuted must be proved before anything else happens to it. */
  readonly prove: boolean
  /** What criteria look at, and repair. */
  readonly calibration?: CalibrationSource
  /** What it is retrained on. */
  readonly training?: TrainingSource
  readonly seed: number
  readonly cwd: string
  readonly engine?: Engine
  /** Of the model. */
  readonly hashes: () => Promise<ModelHashes>
  /** Where a training stands is written to this path, and what tells the stage. */
  readonly state: string
  /** Called with a model once it is pruned and not recovered yet, where there is one stage only. Default: nobody looks at it */
  readonly onPruned?: (pruned: Model) => Promise<void>
}

/** A model that was pruned, in one stage or several, and recovered in each. */
export interface Staged {
  readonly pruned: Model
  /** All that was done, in order: what a plan holds. */
  readonly steps: readonly PlanStep[]
  /** With the groups that were found, and what was declined. */
  readonly planned: Planned
  /** Where it was decided what goes, in the last stage. */
  readonly device: DeviceFacts
  readonly calibration?: CalibrationFacts
  readonly proofs: readonly Proof[]
  readonly repair?: RepairFacts
  readonly trainings: readonly TrainingFacts[]
  readonly warnings: readonly string[]
  /** Files in which trainings stand, to be removed once everything is written. */
  readonly states: readonly string[]
}

/** Decides, proves, applies and recovers, stage by stage: each judges what the one before left. */
export async function pruneInStages(reference: Model, job: StageJob, work: Work): Promise<Staged> {
  const stages = stagesOf(job.steps, job.schedule)
  const { recover = NO_RECOVERY } = job
  let current = reference
  const all: PlanStep[] = []
  const found: Stage[] = []
  const states: string[] = []
  for (const [i, steps] of stages.entries()) {
    const state = `${job.state}${stages.length === 1 ? '' : `-${i + 1}`}`
    const place = { reference, index: i, count: stages.length, state }
    const stage = await pruneStage(current, { ...job, steps, recover }, place, work)
    current = stage.pruned
    all.push(...stage.steps)
    found.push(stage)
    states.push(state)
  }
  const { calibration, device } = found.at(-1)!
  const repair = sumOf(found.flatMap((stage) => stage.repair ?? []))
  return {
    pruned: current,
    steps: all,
    planned: {
      steps: all,
      groups: found.flatMap(({ planned }) => planned.groups),
      declined: found[0]!.planned.declined,
    },
    device,
    ...(calibration && { calibration }),
    proofs: found.flatMap(({ proofs }) => proofs),
    ...(repair && { repair }),
    trainings: found.flatMap(({ training }) => training ?? []),
    warnings: [...new Set(found.flatMap(({ warnings }) => warnings))],
    states: recover.retrain === undefined ? [] : states,
  }
}

interface Stage
  extends Pick<Staged, 'pruned' | 'steps' | 'planned' | 'device' | 'calibration' | 'proofs' | 'repair' | 'warnings'> {
  readonly training?: TrainingFacts
}

interface Place {
  /** Before the first stage. */
  readonly reference: Model
  readonly index: number
  readonly count: number
  readonly state: string
}

async function pruneStage(
  model: Model,
  job: StageJob & { readonly recover: Recover },
  { reference, index, count, state }: Place,
  work: Work,
): Promise<Stage> {
  const { seed, engine = {}, recover } = job
  const { planned, device, calibration, warnings } = await decide(model, job, work)
  const { steps } = planned
  const proofs = job.prove ? await prove({ model, steps, seed }, { ...work, engine }) : []
  let pruned = await applyPlan(model, { seed, steps })
  if (count === 1) await job.onPruned?.(pruned)
  const more: PlanStep[] = []
  const done: { repair?: RepairFacts; training?: TrainingFacts } = {}
  const add = async (step: PlanStep) => {
    pruned = await applyPlan(pruned, { seed, steps: [step] })
    more.push(step)
  }
  if (recover.repair && job.calibration !== undefined) {
    const { step, batchNormalizations, matched, refit } = await repairModel(
      { reference: model, pruned, steps, seed, calibration: job.calibration.run, engine },
      work,
    )
    await add(step)
    done.repair = { batchNormalizations, matched, refit, notes: step.notes }
  }
  if (recover.retrain !== undefined && job.training !== undefined) {
    const { training } = job
    const retrain = partOf(recover.retrain, { index, count })
    const removed = await removedOf(reference, pruned)
    const stage = count === 1 ? '' : `, stage ${index + 1} of ${count}`
    const { steps: trained, facts } = await retrainModel(
      { reference, pruned, training, retrain, seed, removed, engine, state, stage },
      work,
    )
    for (const step of trained) await add(step)
    done.training = facts
  }
  return { pruned, steps: [...steps, ...more], planned, device, ...(calibration && { calibration }), proofs, ...done, warnings }
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

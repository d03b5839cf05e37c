import { type CalibrationFacts, type Planned, type PruneStep, planOf } from '@pare/core'
import { type Model, openModel, writeModel } from '@pare/onnx'
import type { DeviceFacts } from '../engine/device.js'
import type { Engine, Work } from '../engine/work.js'
import { type Hashing, hashFile, hashGrowing, LARGE } from '../files/hash.js'
import { filesOf, hashModel, type ModelHashes } from '../files/hash-model.js'
import type { OutputFiles } from '../files/output.js'
import { writePlan } from '../files/plan-files.js'
import type { Publication } from '../files/publication.js'
import type { Proof } from '../proof/prove.js'
import type { CalibrationSource } from '../settings/calibration.js'
import type { Recover } from '../settings/recover.js'
import type { ScheduleConfig } from '../settings/schedule.js'
import type { TrainingSource } from '../settings/training.js'
import { bytesOf, factsOf, type PlanFacts } from './facts.js'
import { nothingRemoved } from './removed.js'
import type { RepairFacts } from './repair.js'
import type { TrainingFacts } from './retrain.js'
import { sideCarWarnings } from './side-cars.js'
import { pruneInStages } from './stages.js'

export interface PruneJob {
  /** The model to prune. */
  readonly path: string
  readonly steps: readonly PruneStep[]
  readonly seed: number
  readonly output: OutputFiles
  /** Holds what is written until all that belongs together is. */
  readonly publication: Publication
  /** Whether what is cut or permuted must be proved before it is written. Default: true. */
  readonly prove?: boolean
  /** How it comes to its targets. Default: 'one-shot' */
  readonly schedule?: ScheduleConfig
  /** What is done once the model is pruned, and its cuts are proved. Default: nothing */
  readonly recover?: Recover
  /** What criteria look at, and repair. */
  readonly calibration?: CalibrationSource
  /** What it is retrained on. */
  readonly training?: TrainingSource
  /** Paths in messages and plans start here. */
  readonly cwd: string
  /** What models run on. Default: the installed packages. */
  readonly engine?: Engine
  /** Of a checkout that is not trusted: nothing outside of it is read for it. Default: files may be anywhere */
  readonly workspace?: string | undefined
  /** Where the model is written before it is recovered, so that it can be measured. Default: it is not */
  readonly unrecovered?: string
}

export interface FileFacts {
  readonly path: string
  /** With external data, where there are any. */
  readonly bytes: number
  /** Of the model's own file. */
  readonly sha256: string
}

/** A model that was pruned and written, and what is known of it. */
export interface Pruned extends PlanFacts {
  readonly device: DeviceFacts
  readonly model: FileFacts & ModelHashes
  readonly output: FileFacts
  /** Where the output is until it is published. */
  readonly staged: string
  readonly plan: { readonly path: string }
  /** The data that criteria looked at, where one did. */
  readonly calibration?: CalibrationFacts
  readonly declined: Planned['declined']
  /** One for each step that cuts or permutes; none where that was not wanted. */
  readonly proofs: readonly Proof[]
  /** Where that was wanted. */
  readonly repair?: RepairFacts
  /** One for each stage, where that was wanted. */
  readonly trainings: readonly TrainingFacts[]
  /** The data of these. */
  readonly training?: { readonly path: string; readonly sha256: string }
  /** Whether it was written to the path that was given for it. */
  readonly unrecovered: boolean
  /** What the user should look at. */
  readonly warnings: readonly string[]
}

/** Prunes a model: plan, apply, recover, write. Its files stand in their places once the publication is published; the input is only read. */
export async function pruneModel(job: PruneJob, work: Work): Promise<Pruned> {
  const { path, seed, output, publication, training, recover } = job
  await using file = await openModel(path)
  await publication.protect(filesOf(file))
  await using inputHash = hashModel(file)
  await using dataHash = training && recover?.retrain && hashFile(training.data)
  const kept = { unrecovered: false }
  const staged = await pruneInStages(
    file.model,
    {
      ...job,
      prove: job.prove ?? true,
      hashes: () => inputHash.digest(),
      state: output.plan.replace(/(\.plan\.json)?$/, '.training'),
      onPruned: async (pruned) => {
        if (job.unrecovered === undefined || recover?.retrain === undefined) return
        await writeModel(pruned, job.unrecovered, { signal: work.signal })
        kept.unrecovered = true
      },
    },
    work,
  )
  const { pruned, planned, calibration, repair, proofs, trainings } = staged
  const place = await publication.staged(output.model)
  const written = await writePruned(pruned, { path: place, destination: output.model }, work)
  const facts = await factsOf({ model: file.model, pruned, planned, retrained: trainings.length > 0 })
  const source = { path, bytes: file.bytes, ...(await inputHash.digest()) }
  await writePlan(await publication.staged(output.plan), planOf({ ...source, path: work.label }, seed, staged.steps, calibration))
  publication.spend(staged.states)
  return {
    ...facts,
    device: staged.device,
    model: { ...source, bytes: bytesOf(file) },
    output: { ...written, path: output.model },
    staged: place,
    plan: { path: output.plan },
    ...(calibration && { calibration }),
    ...(dataHash && training && { training: { path: training.data, sha256: await dataHash.digest() } }),
    declined: planned.declined,
    ...{ proofs, trainings, ...kept },
    ...(repair && { repair }),
    warnings: warn(
      [
        ...staged.warnings,
        ...trainings.flatMap(({ notes }) => notes),
        ...nothingRemoved(facts.cut),
        ...(await sideCarWarnings(path, planned.steps, {
          structures: job.steps.map(({ structure }) => structure),
          workspace: job.workspace,
        })),
      ],
      work,
    ),
  }
}

function warn(warnings: readonly string[], { progress, label }: Work): readonly string[] {
  for (const warning of warnings) progress.note(`warning: ${label}: ${warning}`)
  return warnings
}

interface Writing {
  readonly path: string
  /** Where it is published. */
  readonly destination: string
}

/** Writes a model, whole or not at all, and hashes it meanwhile. `bytes` counts external data too. */
export async function writePruned(
  model: Model,
  { path, destination }: Writing,
  { signal, progress, label }: Work,
): Promise<FileFacts> {
  const activity = progress.begin(`${label}: writing`)
  const growing: { hash?: Hashing; bytes: number } = { bytes: 0 }
  try {
    const files = await writeModel(model, path, {
      destination,
      signal,
      // The first file is the model's own.
      onFile: ({ temporary, bytes }) => {
        if (growing.bytes === 0 && bytes >= LARGE) growing.hash = hashGrowing(temporary)
        growing.bytes ||= bytes
      },
      onProgress: (done, total) => {
        activity.update(done, total)
        growing.hash?.grew(Math.min(done, growing.bytes))
      },
    })
    await using hash = growing.hash ?? hashFile(path)
    return { path, bytes: files.reduce((sum, file) => sum + file.bytes, 0), sha256: await hash.digest() }
  } finally {
    await growing.hash?.[Symbol.asyncDispose]()
    activity.end()
  }
}

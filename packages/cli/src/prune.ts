import { applyPlan, type CalibrationFacts, makePlan, type Planned, type PruneStep, planOf, type Repaired } from '@pare/core'
import { type Model, openModel, writeModel } from '@pare/onnx'
import { openCalibration } from './calibrate.js'
import type { CalibrationSource } from './calibration.js'
import { type DeviceChoice, type DeviceFacts, onDevice } from './device.js'
import { bytesOf, factsOf, type PlanFacts } from './facts.js'
import { type Hashing, hashFile, hashGrowing, LARGE } from './hash.js'
import { hashModel, type ModelHashes } from './hash-model.js'
import { type OutputFiles, withFolder } from './output.js'
import { showPath } from './paths.js'
import { phasesOf } from './phases.js'
import { writePlan } from './plan-files.js'
import { type Proof, prove } from './prove.js'
import type { Recover } from './recover.js'
import { nothingRemoved } from './removed.js'
import { type RepairFacts, repairModel } from './repair.js'
import { sideCarWarnings } from './side-cars.js'
import type { Engine, Work } from './work.js'

export interface PruneJob {
  /** The model to prune. */
  readonly path: string
  readonly steps: readonly PruneStep[]
  readonly seed: number
  readonly output: OutputFiles
  /** Whether what is cut must be proved before it is written. Default: true. */
  readonly prove?: boolean
  /** What is done once the model is pruned, and its cuts are proved. 'repair' runs calibration data. Default: 'none' */
  readonly recover?: Recover
  /** What criteria look at, and repair. */
  readonly calibration?: CalibrationSource
  /** Paths in messages and plans start here. */
  readonly cwd: string
  /** Where it is decided what goes. Default: 'cpu' */
  readonly device?: DeviceChoice
  /** Where proofs of cuts and calibration data run. Default: the installed packages. */
  readonly engine?: Engine
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
  readonly plan: { readonly path: string }
  /** The data that criteria looked at, where one did. */
  readonly calibration?: CalibrationFacts
  readonly declined: Planned['declined']
  /** One for each step that cuts; none where that was not wanted. */
  readonly proofs: readonly Proof[]
  /** Where that was wanted. */
  readonly repair?: RepairFacts
  /** What the user should look at. */
  readonly warnings: readonly string[]
}

/** Prunes a model: plan, apply, write. Whatever stops it, nothing half written stays behind, and the input is only read. */
export async function pruneModel(job: PruneJob, work: Work): Promise<Pruned> {
  const { path, seed, output, engine = {} } = job
  await using file = await openModel(path)
  await using inputHash = hashModel(file)
  return await withFolder(output.folder, async () => {
    const { planned, device, calibration, warnings } = await decide(file.model, { ...job, hashes: () => inputHash.digest() }, work)
    const wanted = job.prove ?? true
    const proofs = wanted ? await prove({ model: file.model, steps: planned.steps, seed }, { ...work, engine }) : []
    const cut = await applyPlan(file.model, { seed, steps: planned.steps })
    const given = { reference: file.model, pruned: cut, steps: planned.steps, seed, engine }
    const data = job.recover === 'repair' ? job.calibration?.run : undefined
    const repaired = data && (await repairModel({ ...given, calibration: data }, work))
    const repairs = repaired === undefined ? [] : [repaired.step]
    const pruned = await applyPlan(cut, { seed, steps: repairs })
    const written = await writePruned(pruned, output.model, work)
    const facts = await factsOf({ model: file.model, pruned, planned })
    const source = { path, bytes: file.bytes, ...(await inputHash.digest()) }
    await writePlan(output.plan, planOf({ ...source, path: work.label }, seed, [...planned.steps, ...repairs], calibration))
    return {
      ...facts,
      device,
      model: { ...source, bytes: bytesOf(file) },
      output: written,
      plan: { path: output.plan },
      ...(calibration && { calibration }),
      declined: planned.declined,
      proofs,
      ...(repaired && { repair: factsOfRepair(repaired) }),
      warnings: warn([...warnings, ...nothingRemoved(facts.cut), ...(await sideCarWarnings(path, planned.steps))], work),
    }
  })
}

function factsOfRepair({ step: { notes }, batchNormalizations, matched, refit }: Repaired): RepairFacts {
  return { batchNormalizations, matched, refit, notes }
}

function warn(warnings: readonly string[], { progress, label }: Work): readonly string[] {
  for (const warning of warnings) progress.note(`warning: ${label}: ${warning}`)
  return warnings
}

/** What deciding needs of a job. */
export type Decision = Pick<PruneJob, 'steps' | 'seed' | 'recover' | 'calibration' | 'cwd' | 'device' | 'engine'> & {
  /** Of the model. */
  readonly hashes: () => Promise<ModelHashes>
}

export interface Decided {
  readonly planned: Planned
  readonly device: DeviceFacts
  readonly calibration?: CalibrationFacts
  readonly warnings: readonly string[]
}

/** Decides what goes. */
export async function decide(model: Model, decision: Decision, work: Work): Promise<Decided> {
  const { steps, seed, calibration: source, cwd, engine = {}, hashes } = decision
  using phases = phasesOf(work.progress, work.label)
  const shown = source === undefined ? '' : showPath(source.run.data, cwd)
  await using opened = await openCalibration({ source, steps, engine, phases, hashes, shown }, work)
  const onProgress = (told: { done: number; total: number }) => phases.at('deciding what goes', told)
  if (opened === undefined) onProgress({ done: 0, total: 1 })
  const options = { seed, signal: work.signal, onProgress, ...opened?.options }
  const { value: planned, device } = await onDevice({ choice: decision.device ?? 'cpu', model }, work, (backend) =>
    makePlan(model, steps, { ...options, ...(backend && { backend }) }),
  )
  const unused = source !== undefined && opened === undefined && decision.recover !== 'repair'
  const warnings = unused ? [`no criterion looks at data: ${shown} is not used`] : (opened?.warnings() ?? [])
  return { planned, device, warnings, ...(opened && { calibration: await opened.facts() }) }
}

/** Writes a model, whole or not at all, and hashes it meanwhile. `bytes` counts external data too. */
export async function writePruned(model: Model, path: string, { signal, progress, label }: Work): Promise<FileFacts> {
  const activity = progress.begin(`${label}: writing`)
  const growing: { hash?: Hashing; bytes: number } = { bytes: 0 }
  try {
    const files = await writeModel(model, path, {
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

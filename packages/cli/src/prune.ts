import { applyPlan, makePlan, type Planned, type PruneStep, planOf, type Repaired } from '@pare/core'
import { type Model, openModel, writeModel } from '@pare/onnx'
import { bytesOf, factsOf, type PlanFacts } from './facts.js'
import type { Calibration } from './forward.js'
import { type Hashing, hashFile, hashGrowing, LARGE } from './hash.js'
import { hashModel, type ModelHashes } from './hash-model.js'
import { type OutputFiles, withFolder } from './output.js'
import { writePlan } from './plan-files.js'
import { type Proof, prove } from './prove.js'
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
  /** Repairs the pruned model over these data, once it is proved. Default: it is left as it was pruned. */
  readonly repair?: Calibration
  /** Where proofs of cuts run. Default: the installed packages. */
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
  readonly model: FileFacts & ModelHashes
  readonly output: FileFacts
  readonly plan: { readonly path: string }
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
  const { path, steps, seed, output, engine = {} } = job
  await using file = await openModel(path)
  await using inputHash = hashModel(file)
  return await withFolder(output.folder, async () => {
    const planned = await decide(file.model, { steps, seed }, work)
    const wanted = job.prove ?? true
    const proofs = wanted ? await prove({ model: file.model, steps: planned.steps, seed }, { ...work, engine }) : []
    const cut = await applyPlan(file.model, { seed, steps: planned.steps })
    const given = { reference: file.model, pruned: cut, steps: planned.steps, seed, engine }
    const repaired = job.repair && (await repairModel({ ...given, calibration: job.repair }, work))
    const repairs = repaired === undefined ? [] : [repaired.step]
    const pruned = await applyPlan(cut, { seed, steps: repairs })
    const written = await writePruned(pruned, output.model, work)
    const facts = await factsOf({ model: file.model, pruned, planned })
    const source = { path, bytes: file.bytes, ...(await inputHash.digest()) }
    await writePlan(output.plan, planOf({ ...source, path: work.label }, seed, [...planned.steps, ...repairs]))
    return {
      ...facts,
      model: { ...source, bytes: bytesOf(file) },
      output: written,
      plan: { path: output.plan },
      declined: planned.declined,
      proofs,
      ...(repaired && { repair: factsOfRepair(repaired) }),
      warnings: warn([...nothingRemoved(facts.cut), ...(await sideCarWarnings(path, planned.steps))], work),
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

/** Decides what goes. */
export async function decide(
  model: Model,
  { steps, seed }: Pick<PruneJob, 'steps' | 'seed'>,
  { signal, progress, label }: Work,
): Promise<Planned> {
  const activity = progress.begin(`${label}: deciding what goes`)
  const onProgress = ({ done, total }: { done: number; total: number }) => activity.update(done, total)
  try {
    return await makePlan(model, steps, { seed, signal, onProgress })
  } finally {
    activity.end()
  }
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

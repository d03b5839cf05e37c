import { dirname, relative, sep } from 'node:path'
import {
  type CalibrationFacts,
  type FoldedWeight,
  type PlanOutcome,
  type PlanStep,
  planOf,
  requireOpen,
  type SearchFacts,
  tiedCopies,
  weightsOf,
} from '@pare/core'
import { type Model, present, writeModel } from '@pare/onnx'
import type { DeviceFacts } from '../engine/device.js'
import { describeLeft, describeTied } from '../engine/folded-weights.js'
import { type OpenedModel, openFolded } from '../engine/folding.js'
import type { Work } from '../engine/work.js'
import { hashData } from '../files/hash.js'
import { filesOf, hashFiles, type ModelHashes } from '../files/hash-model.js'
import type { OutputFiles } from '../files/output.js'
import { writePlan } from '../files/plan-files.js'
import type { Publication } from '../files/publication.js'
import type { FolderCopy } from '../folder/folder-copy.js'
import type { Proof } from '../proof/prove.js'
import { calibrationFiles } from '../settings/data/calibration.js'
import { isFileMask } from '../settings/data/mask-file.js'
import type { Task } from '../settings/task.js'
import { bytesOf, factsOf, type PlanFacts } from './facts/facts.js'
import { keptForChoices, nothingRemoved } from './facts/removed-units.js'
import { type FileFacts, type ResultFiles, writeResult } from './result-files.js'
import { pruneInStages, type Staging } from './stage.js'
import type { BlocksFacts } from './steps/blocks.js'
import { type MasksFile, type MasksPlace, makeMasks } from './steps/masks.js'
import { type QuantisationFacts, quantiseModel, wholeOf } from './steps/quantise.js'
import type { RepairFacts } from './steps/repair.js'
import type { TrainingFacts } from './steps/retrain.js'
import { sideCarWarnings } from './steps/side-cars.js'
import { type StorageFacts, storeModel } from './steps/storage.js'

/** Where what is made of a model goes. */
export interface OutputPlace {
  readonly output: OutputFiles
  /** Holds what is written until all that belongs together is. */
  readonly publication: Publication
  /** Where the model is written before it is recovered, so that it can be measured. Default: it is not */
  readonly unrecovered?: string
  /** Looks at what each stage but the last one left. Default: nobody does */
  readonly onStage?: Staging['onStage']
  /** Where the masks of masked weights are written. Default: they are not */
  readonly masks?: MasksPlace
  /** Of the folder that the model came in: is told what became of it. Default: it came alone */
  readonly copy?: FolderCopy | undefined
}

/** What a plan makes of a model, and what is known of it. */
export interface PlannedModel extends PlanFacts {
  readonly device: DeviceFacts
  readonly model: FileFacts & ModelHashes
  readonly plan: { readonly path: string }
  /** The data that criteria looked at, where one did. */
  readonly calibration?: CalibrationFacts
  readonly declined: PlanOutcome['declined']
  /** Weights that the graph computed, and that were stored before anything else was done. */
  readonly folded: readonly FoldedWeight[]
  /** One for each step that cuts or permutes; none where that was not wanted. */
  readonly proofs: readonly Proof[]
  /** Where that was wanted. */
  readonly repair?: RepairFacts
  /** One for each stage in which blocks were trained, where that was wanted. */
  readonly blocks: readonly BlocksFacts[]
  /** One for each stage, where that was wanted. */
  readonly trainings: readonly TrainingFacts[]
  /** How searches of allocations went, where there were any. */
  readonly searches: readonly SearchFacts[]
  /** The data of the trainings. */
  readonly training?: { readonly path: string; readonly sha256: string }
  /** Where weights were given fewer bits. */
  readonly quantised?: QuantisationFacts
  /** Where weights with many zeros are stored sparsely. */
  readonly stored?: StorageFacts
  /** The file of masks, where one was wanted and something is masked. */
  readonly masks?: MasksFile
  /** What the user should look at. */
  readonly warnings: readonly string[]
}

/** A model that was pruned and written. */
export interface PrunedModel extends PlannedModel, ResultFiles {
  /** Whether it was written to the path that was given for it. */
  readonly unrecovered: boolean
}

/** Decides what goes of a model, and writes that down. The plan stands in its place once the publication is published. */
export async function planModel(task: Task, place: OutputPlace, work: Work): Promise<PlannedModel> {
  await using opened = await openFolded(task.path, work, foldingOf(task))
  return (await planOpened(opened, task, place, work)).planned
}

/** Prunes a model: plan, apply, recover, write. Its files stand in their places once the publication is published; the input is only read. */
export async function pruneModel(task: Task, place: OutputPlace, work: Work): Promise<PrunedModel> {
  const { output, publication, unrecovered, copy } = place
  await using opened = await openFolded(task.path, work, foldingOf(task))
  const files = { unrecovered: false }
  const onPruned = async (pruned: Model, steps: readonly PlanStep[]) => {
    if (task.recover.retrain === undefined) return
    // What the files beside the model cannot say is told before hours of training.
    await copy?.note(fileIn(task), { model: opened.model, pruned, steps })
    if (unrecovered === undefined) return
    await writeModel(pruned, unrecovered, { signal: work.signal })
    files.unrecovered = true
  }
  const { planned, pruned, unquantised } = await planOpened(opened, task, { ...place, onPruned }, work)
  const written = await writeResult(pruned, task, { output, publication }, work)
  const cut = { model: opened.model, pruned: unquantised, steps: planned.cuts }
  const more = copy === undefined ? await sideCarWarnings(task.path, cut, work.workspace) : []
  const { cuts: _, ...facts } = planned
  return {
    ...facts,
    ...written,
    ...files,
    warnings: [...planned.warnings, ...warn(more, work)],
  }
}

/** The model's name in the folder that it came in. */
export function fileIn({ path: own, folder, pair }: Pick<Task, 'path' | 'folder' | 'pair'>): string {
  const path = pair?.models.first ?? own
  return relative(folder?.path ?? dirname(path), path)
    .split(sep)
    .join('/')
}

function foldingOf({ mergeAdapters = false }: Task): { readonly mergeAdapters: boolean } {
  return { mergeAdapters }
}

interface PlannedAndPruned {
  readonly planned: PlannedModel & { readonly cuts: readonly PlanStep[] }
  readonly pruned: Model
  /** Before its weights were given fewer bits or stored otherwise, where they were. */
  readonly unquantised: Model
}

async function planOpened(
  { file, model, folded, folding }: OpenedModel,
  task: Task,
  { output, publication, masks: masksPlace, copy, onPruned, onStage }: OutputPlace & Pick<Staging, 'onPruned'>,
  work: Work,
): Promise<PlannedAndPruned> {
  const { path, seed, training, recover, dims } = task
  if (dims !== undefined) await requireOpen(model, dims)
  const sources = task.pair?.files ?? filesOf(file)
  await publication.protect(sources)
  copy?.reads(sources)
  await masksPlace?.publication.protect([...sources, ...inputsOf(task)])
  await using inputHash = hashFiles(sources)
  await using dataHash = training && recover.retrain && hashData(training.data)
  const [state, searches] = ['.training', '.search'].map((end) => output.plan.replace(/(\.plan\.json)?$/, end)) as [
    string,
    string,
  ]
  const staging = { hashes: () => inputHash.digest(), state, searches, ...present({ onPruned, onStage }) }
  const { pruned, planned, states, ...staged } = await pruneInStages(model, task, staging, work)
  await copy?.note(fileIn(task), { model, pruned, steps: staged.steps })
  const quantised = await quantiseModel({ model: pruned, whole: wholeOf(model, staged) }, task, work)
  const stored = await storeModel(quantised.model, task)
  const steps = [...staged.steps, ...quantised.steps, ...stored.steps]
  const { calibration = quantised.calibration, repair, blocks, trainings } = staged
  const facts = await factsOf({ model, pruned, planned, retrained: trainings.length > 0, ...present({ sizes: dims }) })
  const source = { path: sources[0] ?? path, bytes: file.bytes, ...(await inputHash.digest()) }
  const plan = planOf({ ...source, path: work.label }, seed, steps, { calibration, folding: await folding() })
  await writePlan(await publication.staged(output.plan), plan)
  publication.spend(states)
  const masks = await makeMasks(masksPlace, { model: pruned, steps, folded: folded.weights })
  const plannedFacts = {
    ...facts,
    device: staged.device,
    model: { ...source, bytes: task.pair?.bytes ?? bytesOf(file) },
    plan: { path: output.plan },
    ...present({ calibration }),
    ...(dataHash && training && { training: { path: training.data, sha256: await dataHash.digest() } }),
    declined: planned.declined,
    folded: folded.weights,
    ...{ proofs: staged.proofs, blocks, trainings, searches: staged.searches },
    ...present({ repair, masks: masks.file, quantised: quantised.facts, stored: stored.facts }),
    warnings: warn(
      [
        ...nothingRemoved(facts.cut),
        ...keptForChoices(steps, planned.groups),
        ...masks.warnings,
        ...describeLeft(folded.left),
        ...(await tiedWarnings(model, steps)),
        ...staged.warnings,
        ...quantised.warnings,
        ...stored.warnings,
        ...new Set(trainings.flatMap(({ notes }) => notes)),
      ],
      work,
    ),
    cuts: planned.steps,
  }
  return { planned: plannedFacts, pruned: stored.model, unquantised: pruned }
}

/** Files that a task reads besides the model. */
function inputsOf({ steps, calibration, training, evaluation }: Task): readonly string[] {
  const data = [
    ...(calibration === undefined ? [] : calibrationFiles(calibration.run)),
    training?.data,
    evaluation?.request.data,
  ].filter((path) => path !== undefined)
  return [...data, ...steps.flatMap(({ criterion }) => (isFileMask(criterion) ? [criterion.path] : []))]
}

/** Of weights that are masked: a cut goes through both. */
async function tiedWarnings(model: Model, steps: readonly PlanStep[]): Promise<readonly string[]> {
  const masked = new Set(steps.flatMap((step) => (step.kind === 'mask' ? step.weights.map(({ id }) => id) : [])))
  const weights = weightsOf(model).filter(({ id }) => masked.has(id))
  return (await tiedCopies(model, weights)).map(describeTied)
}

function warn(warnings: readonly string[], { progress, label }: Work): readonly string[] {
  for (const warning of warnings) progress.note(`warning: ${label}: ${warning}`)
  return warnings
}

import { resolve } from 'node:path'
import { applyPlan, type Plan, type PlanStep, transferSteps } from '@pare/core'
import { formatBytes } from '@pare/gate'
import { type Model, openModel, present } from '@pare/onnx'
import { isCheckpoint } from '../checkpoint/checkpoint.js'
import { replayCheckpoint } from '../checkpoint/replay-checkpoint.js'
import { type FoldingWork, type OpenedModel, openPlanned } from '../engine/folding.js'
import { engineOf } from '../engine/work.js'
import { filesOf, type ModelHashes } from '../files/hash-model.js'
import { modelFiles, type OutputFiles, outputFiles } from '../files/output.js'
import { showPath } from '../files/paths.js'
import { differenceOf, hashesOf, readPlan, refuseOther } from '../files/plan-files.js'
import { Publication } from '../files/publication.js'
import { publishAll } from '../files/publish.js'
import { copiedFiles } from '../folder/copy-place.js'
import { FolderCopy, refuseForeign } from '../folder/folder-copy.js'
import { modelFileOf, type OpenedLocation } from '../folder/model-folder.js'
import { type OptionValues, overridesOf, ownOf } from '../options/overrides.js'
import { replayedCard } from '../pipeline/facts/course.js'
import { bytesOf } from '../pipeline/facts/facts.js'
import { fileIn } from '../pipeline/model.js'
import { writeResult } from '../pipeline/result-files.js'
import { makeMasks, type NamedMasks, openMasksPlace, shownMasks } from '../pipeline/steps/masks.js'
import { describeProof, type Proof, prove } from '../proof/prove.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'

/** `pare replay PLAN MODEL`: the same bytes as when the plan was made; with --like, the same zeros and cuts in another model of the same topology. */
export async function replay(
  context: Context,
  [planPath = '', model = '']: readonly string[],
  values: OptionValues,
): Promise<number> {
  const { io, progress } = context
  const start = io.now()
  const { prove: proves = true, provider = 'cpu' } = overridesOf('replay', values)
  const { out, like, masks: masksFile, model: exported } = ownOf('replay', values)
  if (exported !== undefined || (await isCheckpoint(resolve(io.cwd, model))))
    return replayCheckpoint(context, { planPath, checkpoint: model }, values)
  const plan = await readPlan(resolve(io.cwd, planPath), planPath)
  const isMeant = async (file: string) => (await hashesOf([file])).sha256 === plan.model.sha256
  await using located = await modelFileOf(resolve(io.cwd, model), isMeant)
  const { path, pair } = located
  const output = await outputFiles(located, { cwd: io.cwd, out })
  if (output.copy !== undefined) await refuseForeign(output.copy)
  const work = { signal: io.signal, progress, label: model, engine: engineOf(context, { provider }) }
  await using file = await openModel(path)
  const sources = pair?.files ?? filesOf(file)
  const hashes = await hashesOf(sources)
  const isOther = like !== undefined && differenceOf(plan, hashes) !== undefined
  if (!isOther) refuseOther(plan, hashes, { model, planPath })
  await using opened = await openPlanned(path, { ...plan, shown: planPath }, work, { checkNumbers: !isOther })
  const source = { path: showPath(sources[0] ?? path, io.cwd), bytes: pair?.bytes ?? bytesOf(file), ...hashes }
  await using publication = await openPublication(output)
  const inputs = [...sources, resolve(io.cwd, planPath), ...(like === undefined ? [] : [resolve(io.cwd, like)])]
  await publication.protect(inputs)
  await using masks = await openMasksPlace(masksFile, { cwd: io.cwd, folder: output.folder, publication })
  await masks.place.masks?.publication.protect(inputs)
  const { seed } = plan
  const to = isOther ? opened.model : undefined
  const steps = like === undefined ? plan.steps : await stepsLike(like, to, { plan, planPath, cwd: io.cwd }, work)
  const proofs = proves ? await prove({ model: opened.model, steps, seed }, work) : []
  const replayed = { located, shown: model, planPath, plan, steps, opened, source, sources, proofs }
  const written = await publishModel(replayed, { output, publication, masks }, { context, work })
  tell(context, replayed, { ...written, like, provider, durationMs: io.now() - start })
  return EXIT.pass
}

function openPublication({ folder, model, next, copy }: OutputFiles): Promise<Publication> {
  return Publication.open(folder, {
    owned: [
      ...modelFiles(model),
      ...(next === undefined ? [] : modelFiles(next)),
      ...(copy === undefined ? [] : copiedFiles(copy)),
    ],
  })
}

/** A plan with the model that it is applied to. */
interface ReplayedModel {
  readonly located: OpenedLocation
  /** As the user named it. */
  readonly shown: string
  readonly planPath: string
  readonly plan: Plan
  /** The plan's, or what they are for a model like its own. */
  readonly steps: readonly PlanStep[]
  readonly opened: OpenedModel
  readonly source: ModelHashes & { readonly path: string; readonly bytes: number }
  /** The model's files. */
  readonly sources: readonly string[]
  readonly proofs: readonly Proof[]
}

interface ReplayPlace {
  readonly output: OutputFiles
  readonly publication: Publication
  readonly masks: NamedMasks
}

/** Writes the model with its masks and what lies beside it: all of it, or nothing. */
async function publishModel(
  { located, shown, planPath, plan, steps, opened, source, sources, proofs }: ReplayedModel,
  { output, publication, masks }: ReplayPlace,
  { context, work }: { readonly context: Context; readonly work: FoldingWork },
) {
  const { io, progress } = context
  const { seed, folding } = plan
  const copy = output.copy && new FolderCopy(output.copy)
  copy?.reads(sources)
  const pruned = await applyPlan(opened.model, { seed, steps, ...present({ folding }) })
  const name = fileIn(located)
  await copy?.note(name, { model: opened.model, pruned, steps })
  const { output: facts } = await writeResult(pruned, located, { output, publication }, work)
  copy?.describe(...replayedCard({ name, planPath, source, facts, proofs }))
  const copied = await copy?.stage(publication)
  const made = await makeMasks(masks.place.masks, { model: pruned, steps, folded: opened.folded.weights })
  for (const warning of copied?.warnings ?? []) progress.note(`warning: ${warning}`)
  for (const warning of made.warnings) progress.note(`warning: ${shown}: ${warning}`)
  io.signal.throwIfAborted()
  await masks.publish()
  await publishAll(publication, context)
  return { result: { ...facts, path: showPath(output.model, io.cwd) }, copied, made }
}

interface PublishedModel extends Awaited<ReturnType<typeof publishModel>> {
  readonly like: string | undefined
  readonly provider: string
  readonly durationMs: number
}

function tell(
  context: Context,
  { planPath, source, proofs }: ReplayedModel,
  { result, copied, made, like, provider, durationMs }: PublishedModel,
): void {
  const { cwd } = context.io
  const whole = copied && {
    ...result,
    path: showPath(copied.path, cwd),
    model: result.path,
    edits: copied.edits,
    left: copied.left,
  }
  const shown = shownMasks(present({ masks: made.file }), cwd)
  answer(context, {
    schemaVersion: 1,
    command: 'replay',
    model: source,
    plan: { path: planPath },
    ...present({ like }),
    output: whole ?? result,
    ...shown,
    ...(proofs.length > 0 && { proofs }),
    ...(made.warnings.length > 0 && { warnings: made.warnings }),
    executionProvider: provider,
    durationMs,
  })
  say(context, { written: result, proofs, shown }, ({ written, proofs, shown }) => {
    const proved = proofs.map((proof) => `\n  proof  ${describeProof(proof)}`)
    const beside = shown.masks === undefined ? '' : `\n  masks  ${shown.masks.path}`
    return `${written.path}  (${formatBytes(written.bytes)})\n  sha256 ${written.sha256}${proved.join('')}${beside}`
  })
}

interface PlanSource {
  readonly plan: Plan
  readonly planPath: string
  readonly cwd: string
}

/** The steps of the plan for another model: what they make zero in the original. Undefined: for the original itself, for which they stay as they are. */
async function stepsLike(
  like: string,
  to: Model | undefined,
  { plan, planPath, cwd }: PlanSource,
  work: FoldingWork,
): Promise<readonly PlanStep[]> {
  const path = resolve(cwd, like)
  await using file = await openModel(path)
  refuseOther(plan, await hashesOf(filesOf(file)), { model: like, planPath })
  if (to === undefined) return plan.steps
  await using original = await openPlanned(path, { ...plan, shown: planPath }, { ...work, label: like })
  const activity = work.progress.begin(`${like}: reading its masks`)
  try {
    return await transferSteps(plan, { from: original.model, to })
  } finally {
    activity.end()
  }
}

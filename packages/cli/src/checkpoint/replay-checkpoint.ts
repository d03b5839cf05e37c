import { join, resolve } from 'node:path'
import { type Plan, type TracedPlan, tracePlan } from '@pare/core'
import { formatBytes } from '@pare/gate'
import { type Model, openModel, PareError, present } from '@pare/onnx'
import { openPlanned } from '../engine/folding.js'
import { engineOf } from '../engine/work.js'
import { hashFile } from '../files/hash.js'
import { filesOf } from '../files/hash-model.js'
import { outputFolder, refuseInput } from '../files/output.js'
import { missingFile, showPath } from '../files/paths.js'
import { hashesOf, readPlan, refuseOther } from '../files/plan-files.js'
import { Publication } from '../files/publication.js'
import { publishAll } from '../files/publish.js'
import { type CopyPlace, copiedFiles } from '../folder/copy-place.js'
import { FolderCopy, folderLines, refuseForeign } from '../folder/folder-copy.js'
import { modelFileOf, outside } from '../folder/model-folder.js'
import { type OptionValues, overridesOf, ownOf } from '../options/overrides.js'
import { replayedCard } from '../pipeline/facts/course.js'
import { bytesOf } from '../pipeline/facts/facts.js'
import { describeProof, type Proof, prove } from '../proof/prove.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'
import { type Checkpoint, openCheckpoint } from './checkpoint.js'
import { type PrunedCheckpoint, pruneCheckpoint } from './prune-checkpoint.js'
import { writeCheckpoint } from './write-checkpoint.js'

/** `pare replay PLAN CHECKPOINT --model MODEL`: what the plan does to the model is done to the checkpoint that the model was exported from. */
export async function replayCheckpoint(
  context: Context,
  { planPath, checkpoint: shown }: { readonly planPath: string; readonly checkpoint: string },
  values: OptionValues,
): Promise<number> {
  const { io, progress } = context
  const start = io.now()
  const { prove: proves = true, provider = 'cpu' } = overridesOf('replay', values)
  const { out, model, ...other } = ownOf('replay', values)
  refuseOptions(other, shown)
  const plan = await readPlan(resolve(io.cwd, planPath), planPath)
  refuseSteps(plan, planPath)
  const exported = model ?? (await namedModel(plan, planPath, { cwd: io.cwd, shown }))
  const path = resolve(io.cwd, shown)
  await using checkpoint = await openCheckpoint(path, shown)
  await using located = await modelFileOf(
    resolve(io.cwd, exported),
    async (file) => (await hashesOf([file])).sha256 === plan.model.sha256,
  )
  await using file = await openModel(located.path)
  const sources = located.pair?.files ?? filesOf(file)
  const hashes = await hashesOf(sources)
  refuseOther(plan, hashes, { model: exported, planPath })
  const work = { signal: io.signal, progress, label: exported, engine: engineOf(context, { provider }) }
  await using opened = await openPlanned(located.path, { ...plan, shown: planPath }, work)

  const folder = outputFolder({ path, ...present({ folder: checkpoint.folder }) }, { cwd: io.cwd, out })
  await refuseInput(checkpoint.folder?.path ?? path, folder)
  const place = checkpoint.folder && { folder: outside(checkpoint.folder, folder), path: folder }
  if (place !== undefined) await refuseForeign(place)
  const traced = await tracePlan(opened.model, plan)
  const pruned = await pruneCheckpoint(checkpoint, traced, { progress, signal: io.signal })
  const { seed, steps } = plan
  const proofs = proves ? await prove({ model: opened.model, steps, seed }, work) : []
  const inputs = [...checkpoint.sources, ...sources, resolve(io.cwd, planPath)]
  const replayed = { checkpoint, shown, planPath, steps, model: opened.model, traced, pruned, proofs }
  const published = await publishCheckpoint(replayed, { folder, place, inputs }, context)
  const source = { path: showPath(sources[0] ?? located.path, io.cwd), bytes: located.pair?.bytes ?? bytesOf(file), ...hashes }
  tell(context, replayed, { ...published, source, folder, provider, durationMs: io.now() - start })
  return EXIT.pass
}

/** What a plan made of a checkpoint. */
interface ReplayedCheckpoint {
  readonly checkpoint: Checkpoint
  /** As the user named it. */
  readonly shown: string
  readonly planPath: string
  readonly steps: Plan['steps']
  readonly model: Model
  readonly traced: TracedPlan
  readonly pruned: PrunedCheckpoint
  readonly proofs: readonly Proof[]
}

interface CheckpointPlace {
  readonly folder: string
  /** Of the configs and whatever else lies beside the tensors. Undefined: a file alone */
  readonly place: CopyPlace | undefined
  /** Files that must stay as they are. */
  readonly inputs: readonly string[]
}

/** Writes the tensors, and copies and edits what lies beside them: all of it, or nothing. */
async function publishCheckpoint(
  { checkpoint, shown, planPath, steps, model, traced, pruned, proofs }: ReplayedCheckpoint,
  { folder, place, inputs }: CheckpointPlace,
  context: Context,
) {
  const { io, progress } = context
  const { files, index } = checkpoint
  const weights = [...files.map(({ name }) => name), ...(index === undefined ? [] : [index.name])]
  await using publication = await Publication.open(folder, {
    owned: [...weights.map((name) => join(folder, name)), ...(place === undefined ? [] : copiedFiles(place))],
  })
  await publication.protect(inputs)
  const copy = place && new FolderCopy(place, { isCheckpoint: true })
  const name = place?.folder.models[0]
  if (name !== undefined) await copy?.note(name, { model, pruned: traced.pruned, steps })
  const written = await writeCheckpoint(checkpoint, pruned, { folder, publication }, { progress, signal: io.signal })
  const bytes = { before: sumOf(files), after: sumOf(written) }
  await using hashing = hashFile(checkpoint.sources[0]!)
  const source = { bytes: bytes.before, sha256: await hashing.digest() }
  if (name !== undefined) copy?.describe(...replayedCard({ name, planPath, source, facts: { bytes: bytes.after }, proofs }))
  const copied = await copy?.stage(publication)
  const isAlone = copy === undefined && steps.some(({ kind }) => kind === 'cut')
  const alone = `${shown} came alone: a config that lies beside it says what it had before. Name the folder to have both.`
  const warnings = [...pruned.warnings, ...(copied?.warnings ?? []), ...(isAlone ? [alone] : [])]
  for (const warning of warnings) progress.note(`warning: ${warning}`)
  io.signal.throwIfAborted()
  await publishAll(publication, context)
  return { written, bytes, copied, warnings }
}

const sumOf = (files: readonly { readonly bytes: number }[]) => files.reduce((sum, { bytes }) => sum + bytes, 0)

interface PublishedCheckpoint extends Awaited<ReturnType<typeof publishCheckpoint>> {
  /** The model that the checkpoint was exported to. */
  readonly source: object
  readonly folder: string
  readonly provider: string
  readonly durationMs: number
}

function tell(
  context: Context,
  { shown, planPath, pruned, proofs }: ReplayedCheckpoint,
  { written, bytes, copied, warnings, source, folder, provider, durationMs }: PublishedCheckpoint,
): void {
  const { cwd } = context.io
  const { matched, copied: kept, gone } = pruned
  const path = showPath(folder, cwd)
  answer(context, {
    schemaVersion: 1,
    command: 'replay',
    model: source,
    plan: { path: planPath },
    checkpoint: { path: shown, bytes: bytes.before, tensors: { matched, copied: kept, gone } },
    output: { path, bytes: bytes.after, files: written, ...present({ edits: copied?.edits, left: copied?.left }) },
    ...(proofs.length > 0 && { proofs }),
    ...(warnings.length > 0 && { warnings }),
    executionProvider: provider,
    durationMs,
  })
  say(context, { path, written, kept, gone, proofs }, (shown) =>
    [
      ...(copied === undefined ? [shown.path] : folderLines(copied, cwd)),
      ...shown.written.map((each) => `  ${each.name}  (${formatBytes(each.bytes)})\n    sha256 ${each.sha256}`),
      `  ${matched} tensors have the numbers of the model${shown.gone.length > 0 ? `, ${shown.gone.length} went` : ''}; ${formatBytes(bytes.before)} → ${formatBytes(bytes.after)}`,
      ...(shown.kept.length > 0 ? [`  copied, since the model does not hold them: ${some(shown.kept)}`] : []),
      ...shown.proofs.map((proof) => `  proof  ${describeProof(proof)}`),
    ].join('\n'),
  )
}

const MOST_NAMES = 6

function some(names: readonly string[]): string {
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : ''
  return `${names.slice(0, MOST_NAMES).join(', ')}${more}`
}

/** Throws a Failure where options say what is not done to a checkpoint. */
function refuseOptions({ like, masks }: { readonly like?: string; readonly masks?: string }, shown: string): void {
  if (like !== undefined)
    throw usage(
      `pare replay: --like ${like} is for another ONNX model, and ${shown} is a checkpoint.`,
      'for a checkpoint that was trained on: export it, make a plan for the export with the masks of the first, pare plan EXPORT --mask masks.npz, and replay that',
    )
  if (masks !== undefined)
    throw usage(
      `pare replay: --masks ${masks} writes masks of an ONNX model, and ${shown} is a checkpoint, whose zeros stand in its tensors.`,
      `leave --masks out, or write them from the model: pare replay PLAN MODEL --masks ${masks}`,
    )
}

/** Throws PareError for steps that a checkpoint of floats cannot hold. */
function refuseSteps({ steps }: Plan, planPath: string): void {
  const kinds = new Set(steps.map(({ kind }) => kind))
  if (kinds.has('quantise'))
    throw new PareError(`pare replay: ${planPath} stores weights in fewer bits, and a checkpoint holds floats.`, {
      hint: 'make the plan without --quantise, and store the checkpoint in fewer bits afterwards, with what runs it.',
    })
  if (kinds.has('vocabulary'))
    throw new PareError(`pare replay: ${planPath} removes tokens, and the tokenizer of a checkpoint is not rewritten.`, {
      hint: 'prune the checkpoint first, export it, and then remove tokens: pare vocabulary',
    })
}

/** The model that a plan names, where it is there. */
async function namedModel({ model }: Plan, planPath: string, { cwd, shown }: { cwd: string; shown: string }): Promise<string> {
  const missing = await missingFile(resolve(cwd, model.path))
  if (missing === undefined) return model.path
  throw usage(
    `pare replay: ${shown} is a checkpoint, and the model that ${planPath} was made for, ${model.path}, is needed beside it: ${missing}.`,
    `name the ONNX model that was exported from the checkpoint: --model model.onnx`,
  )
}

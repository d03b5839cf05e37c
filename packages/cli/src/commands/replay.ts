import { basename, resolve } from 'node:path'
import { applyPlan, type Plan, type PlanStep, transferSteps } from '@pare/core'
import { formatBytes } from '@pare/gate'
import { type Model, openModel, present } from '@pare/onnx'
import { type FoldingWork, openPlanned } from '../engine/folding.js'
import { engineOf } from '../engine/work.js'
import { filesOf, hashFiles, type ModelHashes } from '../files/hash-model.js'
import { modelFiles, outputFiles } from '../files/output.js'
import { showPath } from '../files/paths.js'
import { readPlan } from '../files/plan-files.js'
import { Publication } from '../files/publication.js'
import { publishAll } from '../files/publish.js'
import type { CardModel } from '../folder/card.js'
import { copiedFiles } from '../folder/copy-place.js'
import { FolderCopy, refuseForeign } from '../folder/folder-copy.js'
import { modelFileOf } from '../folder/model-folder.js'
import { type OptionValues, overridesOf, ownOf } from '../options/overrides.js'
import { bytesOf } from '../pipeline/facts/facts.js'
import { fileIn } from '../pipeline/model.js'
import { writeResult } from '../pipeline/result-files.js'
import { makeMasks, openMasksPlace, shownMasks } from '../pipeline/steps/masks.js'
import { describeProof, type Proof, prove } from '../proof/prove.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'

/** `pare replay PLAN MODEL`: the same bytes as when the plan was made; with --like, the same zeros and cuts in another model of the same topology. */
export async function replay(
  context: Context,
  [planPath = '', model = '']: readonly string[],
  values: OptionValues,
): Promise<number> {
  const { io, progress } = context
  const start = io.now()
  const { prove: proves = true, provider = 'cpu' } = overridesOf('replay', values)
  const { out, like, masks: masksFile } = ownOf('replay', values)
  const plan = await readPlan(resolve(io.cwd, planPath), planPath)
  const isMeant = async (file: string) => (await hashesOf([file])).sha256 === plan.model.sha256
  await using located = await modelFileOf(resolve(io.cwd, model), isMeant)
  const { path, folder, pair } = located
  const output = await outputFiles(located, { cwd: io.cwd, out })
  if (output.copy !== undefined) await refuseForeign(output.copy)
  const copy = output.copy && new FolderCopy(output.copy)
  const work = { signal: io.signal, progress, label: model, engine: engineOf(context, { provider }) }
  await using file = await openModel(path)
  const sources = pair?.files ?? filesOf(file)
  const hashes = await hashesOf(sources)
  const isOther = like !== undefined && differenceOf(plan, hashes) !== undefined
  if (!isOther) refuseOther(plan, hashes, { model, planPath })
  await using opened = await openPlanned(path, { ...plan, shown: planPath }, work, { checkNumbers: !isOther })
  const source = { path: showPath(sources[0] ?? path, io.cwd), bytes: pair?.bytes ?? bytesOf(file), ...hashes }
  await using publication = await Publication.open(output.folder, {
    owned: [
      ...modelFiles(output.model),
      ...(output.next === undefined ? [] : modelFiles(output.next)),
      ...(output.copy === undefined ? [] : copiedFiles(output.copy)),
    ],
  })
  const inputs = [...sources, resolve(io.cwd, planPath), ...(like === undefined ? [] : [resolve(io.cwd, like)])]
  await publication.protect(inputs)
  copy?.reads(sources)
  await using masks = await openMasksPlace(masksFile, { cwd: io.cwd, folder: output.folder, publication })
  await masks.place.masks?.publication.protect(inputs)
  const { seed, folding } = plan
  const to = isOther ? opened.model : undefined
  const steps = like === undefined ? plan.steps : await stepsLike(like, to, { plan, planPath, cwd: io.cwd }, work)
  const proofs = proves ? await prove({ model: opened.model, steps, seed }, work) : []
  const pruned = await applyPlan(opened.model, { seed, steps, ...present({ folding }) })
  const name = fileIn({ path, ...present({ folder, pair }) })
  await copy?.note(name, { model: opened.model, pruned, steps })
  const { output: facts } = await writeResult(pruned, { path, ...present({ pair }) }, { output, publication }, work)
  copy?.describe(...replayedCard({ name, planPath, source, facts, proofs }))
  const copied = await copy?.stage(publication)
  const made = await makeMasks(masks.place.masks, { model: pruned, steps, folded: opened.folded.weights })
  for (const warning of copied?.warnings ?? []) progress.note(`warning: ${warning}`)
  for (const warning of made.warnings) progress.note(`warning: ${model}: ${warning}`)
  io.signal.throwIfAborted()
  await masks.publish()
  await publishAll(publication, context)
  const result = { ...facts, path: showPath(output.model, io.cwd) }
  const whole = copied && {
    ...result,
    path: showPath(copied.path, io.cwd),
    model: result.path,
    edits: copied.edits,
    left: copied.left,
  }
  const shown = shownMasks(present({ masks: made.file }), io.cwd)
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
    durationMs: io.now() - start,
  })
  say(context, { written: result, proofs, shown }, ({ written, proofs, shown }) => {
    const proved = proofs.map((proof) => `\n  proof  ${describeProof(proof)}`)
    const beside = shown.masks === undefined ? '' : `\n  masks  ${shown.masks.path}`
    return `${written.path}  (${formatBytes(written.bytes)})\n  sha256 ${written.sha256}${proved.join('')}${beside}`
  })
  return EXIT.pass
}

/** What the card of a folder says of a model that a plan made. */
function replayedCard({ name: file, planPath, source, facts, proofs }: Replayed): readonly [file: string, card: CardModel] {
  const bytes = { before: source.bytes, after: facts.bytes }
  const steps = proofs.map((proof) => `proved ${proof.structure}: ${describeProof(proof)}`)
  return [file, { file, sha256: source.sha256, bytes, steps, removed: `by the plan ${basename(planPath)}`, measured: [] }]
}

interface Replayed {
  /** Of the model in its folder. */
  readonly name: string
  readonly planPath: string
  readonly source: { readonly bytes: number; readonly sha256: string }
  readonly facts: { readonly bytes: number }
  readonly proofs: readonly Proof[]
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

async function hashesOf(files: readonly string[]): Promise<ModelHashes> {
  await using hashing = hashFiles(files)
  return await hashing.digest()
}

/** The first file whose hash is not that of the plan: 0 is the model's own. Undefined where all are. */
function differenceOf(plan: Plan, hashes: ModelHashes): number | undefined {
  const [expected, actual] = [plan.model, hashes].map(allHashes)
  return Array.from({ length: Math.max(expected!.length, actual!.length) }, (_, i) => i).find((i) => expected![i] !== actual![i])
}

function refuseOther(plan: Plan, hashes: ModelHashes, shown: { model: string; planPath: string }): void {
  const at = differenceOf(plan, hashes)
  if (at === undefined) return
  const [expected, actual] = [plan.model, hashes].map((each) => short(allHashes(each)[at]))
  const what = at === 0 ? shown.model : `${hashes.external?.[at - 1]?.name ?? 'the external data'} of ${shown.model}`
  throw usage(
    `pare replay: ${shown.planPath} was made for ${plan.model.path} with SHA-256 ${expected}, and ${what} has ${actual}.`,
    `give the model that the plan was made for, or make a new plan: pare plan ${shown.model}; for the same zeros in a model with other numbers, such as one that was trained on: pare replay PLAN MODEL --like ORIGINAL`,
  )
}

function allHashes({ sha256, external = [] }: ModelHashes): readonly string[] {
  return [sha256, ...external.map((data) => data.sha256)]
}

const short = (hash: string | undefined) => (hash === undefined ? 'none' : `${hash.slice(0, 12)}…`)

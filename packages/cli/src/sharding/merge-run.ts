import { join, resolve } from 'node:path'
import { present } from '@pare/onnx'
import { type DonePiece, gatherShards, type PlacedManifest, type RunPiece } from '@pare/shards'
import type { Work } from '../engine/work.js'
import { isFile, isFolder } from '../files/paths.js'
import { attempt, endModel, type ModelRun, type RunPlace, temporaryFolder } from '../pipeline/examine.js'
import { withDrops } from '../pipeline/facts/baselines.js'
import { type ModelOutcome, mixedUp } from '../pipeline/facts/result.js'
import { zippedSizes } from '../pipeline/facts/zipped.js'
import { judgeModel } from '../pipeline/measure.js'
import type { PrunedModel } from '../pipeline/model.js'
import { modelFilesOf, stagedFiles } from '../pipeline/result-files.js'
import { type ModelRunner, type OpenedRun, type RunOptions, type RunOutcome, runModels } from '../pipeline/run.js'
import { firstMetric } from '../settings/data/demands.js'
import type { Task } from '../settings/task.js'
import { chosenTask } from '../smallest/find-smallest.js'
import { Failure, usage } from '../terminal/failure.js'
import { belowResults, damageOf, findShards, readOutcome, type StoredOutcome, takeFile } from './blob.js'
import { spreadRun } from './spread.js'

export interface MergeOptions extends Omit<RunOptions, 'usualBaselines'> {
  /** The folder below which the shards lie. */
  readonly shards: string
}

/**
 * Puts together what the shards of a run left, and judges it: the same results as of one machine. Every piece of the run must be there once, of this commit and these settings,
 * and whole; else its model is incomplete, with how it is run again. Throws as a run does, and where there is no shard at all.
 */
export function mergeRun({ shards, ...options }: MergeOptions): Promise<RunOutcome> {
  return runModels(options, (opened) => startMerge(resolve(opened.work.cwd, shards), opened))
}

async function startMerge(folder: string, opened: OpenedRun): Promise<ModelRunner> {
  const { cwd, progress } = opened.work
  if (!(await isFolder(folder)))
    throw usage(
      `pare merge: there is no folder ${folder}.`,
      'name the folder that pare run --shard wrote, such as pare-out/shards',
    )
  const shards = await findShards(folder, cwd)
  const [first] = shards.manifests
  if (first === undefined) {
    const seen = shards.problems.length === 0 ? '' : ` ${shards.problems.join(' ')}`
    throw usage(
      `pare merge: no shard of a run that has ended lies below ${folder}.${seen}`,
      'run the shards first: pare run --shard 1/3',
    )
  }
  const plan = await spreadRun(opened, first.manifest.shard.count)
  const damages = new Map<PlacedManifest, string>()
  for (const shard of shards.manifests) {
    const damage = await damageOf(shard)
    if (damage !== undefined) damages.set(shard, damage)
  }
  const gathered = gatherShards(plan, shards.manifests, damages)
  const problems = [...shards.problems, ...gathered.problems]
  for (const text of [...gathered.notes, ...problems.map((problem) => `warning: ${problem}`)]) progress.note(text)
  const paths = new Map<PlacedManifest, string>(shards.manifests.map((each) => [each, each.path]))
  return async (task, place, work) => {
    const pieces = plan.pieces.filter(({ model }) => plan.tasks.get(model) === task)
    const missing = pieces.flatMap(({ id }) => gathered.missing.get(id) ?? [])
    const cure = { hint: `run again: ${gathered.cures.join('; or ')}` }
    const outcome: ModelOutcome = present({ repeated: place.repeated })
    const done = { seconds: 0 }
    await attempt({ place, work, outcome }, async () => {
      if (missing.length > 0) throw new Failure('infrastructure', `pare merge: ${[...new Set(missing)].join(' ')}`, cure)
      if (problems.length > 0)
        throw new Failure('infrastructure', `pare merge: ${problems.join(' ')}`, {
          hint: 'leave only the shards of this run there',
        })
      const parts = pieces.map((piece): TakenPiece => {
        const { piece: own, place: at } = gathered.done.get(piece.id)!
        return { planned: piece, piece: own, shard: { ...at, path: paths.get(at)! } }
      })
      done.seconds = parts.reduce((sum, { piece }) => sum + piece.seconds, 0)
      const own = place.made.asPruned(task, outcome)
      await mergeModel(own, { parts, place }, { work, outcome })
    })
    place.made.keep(task, outcome)
    const run: ModelRun = await endModel(task, { outcome, durationMs: Math.round(done.seconds * 1000) }, work)
    return run
  }
}

export interface TakenPiece {
  readonly planned: RunPiece
  readonly piece: DonePiece
  readonly shard: PlacedManifest & { readonly path: string }
}

/** What comes out is kept in `outcome`, however far it gets. */
export async function mergeModel(
  task: Task,
  { parts, place }: { readonly parts: readonly TakenPiece[]; readonly place: RunPlace },
  { work, outcome }: { readonly work: Work; readonly outcome: ModelOutcome },
): Promise<void> {
  await using folder = await temporaryFolder()
  const stored: StoredOutcome[] = []
  for (const [i, { piece, shard }] of parts.entries()) {
    const copy = join(folder.path, `${i}.json`)
    if (piece.outcome === undefined) throw new Error(`${shard.name} has no outcome of ${piece.id}`)
    await takeFile(shard, piece.outcome, copy)
    stored.push(await readOutcome(copy, shard.name))
  }
  const failed = stored.find(({ error }) => error !== undefined)?.error
  if (failed !== undefined) outcome.error = failed
  refuseUnlike(parts)
  const { smallest, pruned, ...measured } = stored[0]!
  if (smallest !== undefined) {
    const data = { ...smallest.data, path: task.smallest?.evaluation.request.data ?? smallest.data.path }
    outcome.smallest = { ...smallest, data }
    if (smallest.chosen !== undefined) outcome.chosen = await chosenTask(task, task.smallest!, smallest.chosen)
  }
  if (pruned === undefined) return
  for (const file of parts[0]!.piece.results) {
    const target = await place.publication.staged(join(place.publication.folder, ...belowResults(file)))
    // What lies beside the models of a folder comes with each of them.
    if (!(await isFile(target))) await takeFile(parts[0]!.shard, file, target)
  }
  const { copied, ...more } = measured
  Object.assign(outcome, more, copied && { copied: { ...copied, path: place.output.copy?.path ?? copied.path } })
  outcome.pruned = await placedHere(pruned, { task, place })
  const chosen = outcome.chosen ?? task
  place.made.keepEncoder(task, outcome.pruned.staged)
  outcome.calibratedOn = chosen.calibration?.statistics?.data.sha256
  const sizes = [modelFilesOf(task), outcome.pruned.stagedFiles].map((files) => zippedSizes(files, work.signal))
  const [reference, candidate] = await Promise.all(sizes)
  outcome.zipped = { reference: reference!, pruned: candidate! }
  if (chosen.evaluation === undefined || failed !== undefined) return
  const recordings: string[] = []
  for (const [i, { piece, shard }] of parts.entries()) {
    if (piece.recording === undefined) throw new Error(`${shard.name} has no recording of ${piece.id}`)
    const copy = join(folder.path, `${i}.jsonl.gz`)
    await takeFile(shard, piece.recording, copy)
    recordings.push(copy)
  }
  const onComparison: Parameters<typeof judgeModel>[2]['onComparison'] = (comparison, dataHash) => {
    Object.assign(outcome, { comparison, dataHash })
    for (const warning of mixedUp(outcome)) work.progress.note(`warning: ${work.label}: ${warning}`)
  }
  const { references, base } = place
  const comparison = present({ base, latency: outcome.latency })
  const judging = { references, onComparison, work, sharing: { recordings }, ...comparison }
  Object.assign(outcome, await judgeModel({ ...chosen, evaluation: chosen.evaluation }, outcome.pruned, judging))
  const { evaluation } = chosen
  const { reference: whole } = outcome.comparison!
  const unpruned = { evaluation, metric: firstMetric(evaluation, task.demands), reference: whole }
  outcome.stages = await withDrops(outcome.stages ?? [], unpruned)
  outcome.cost = {
    prune: parts[0]!.piece.cost.prune,
    measure: parts.reduce((sum, { piece }) => sum + piece.cost.measure, 0),
  }
}

/** All parts must be of one and the same pruned model. */
function refuseUnlike(parts: readonly TakenPiece[]): void {
  const hashes = new Set(parts.map(({ piece }) => piece.pruned))
  if (hashes.size === 1) return
  const made = parts.map(({ piece, shard }) => `${shard.name}: ${piece.pruned?.slice(0, 12) ?? 'none'}`)
  throw new Failure(
    'infrastructure',
    `pare merge: the shards did not prune ${parts[0]!.planned.model} alike (SHA-256 ${made.join(', ')}).`,
    {
      hint: 'their processors or versions differ: run them on machines of one kind, or make fewer shards than models',
    },
  )
}

/** The paths of another machine, here. */
async function placedHere(
  pruned: PrunedModel,
  { task, place }: { readonly task: Task; readonly place: RunPlace },
): Promise<PrunedModel> {
  const { output, publication, masks: masksPlace } = place
  const { masks, training } = pruned
  return {
    ...pruned,
    ...{ staged: await publication.staged(output.model), stagedFiles: await stagedFiles(output, publication) },
    model: { ...pruned.model, path: task.path },
    plan: { path: output.plan },
    output: { ...pruned.output, path: output.model },
    ...(masks && masksPlace && { masks: { ...masks, path: masksPlace.path } }),
    ...(training && { training: { ...training, path: task.training?.data ?? training.path } }),
  }
}

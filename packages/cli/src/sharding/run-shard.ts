import { join, resolve } from 'node:path'
import { present } from '@pare/onnx'
import type { DonePiece, RunPiece, ShardManifest, ShardPlace } from '@pare/shards'
import { relativeLatency } from '../engine/latency.js'
import type { Work } from '../engine/work.js'
import { companionsOf } from '../files/output.js'
import { isFile } from '../files/paths.js'
import { Publication } from '../files/publication.js'
import { copiedFiles } from '../folder/copy-place.js'
import {
  attempt,
  chooseSmallest,
  examine,
  measureStages,
  metricBefore,
  type RunPlace,
  temporaryFolder,
} from '../pipeline/examine.js'
import type { StageScores } from '../pipeline/facts/baselines.js'
import type { ModelOutcome } from '../pipeline/facts/result.js'
import { lookFirst } from '../pipeline/first-look.js'
import { measurePair, type Sharing } from '../pipeline/measure.js'
import { pruneModel } from '../pipeline/model.js'
import { isFurther, PrunedModels } from '../pipeline/pruned-models.js'
import { DEFAULT_OUT, type OpenedRun, openRun, type PlacedModels, placeModels, type RunOptions } from '../pipeline/run.js'
import type { Task } from '../settings/task.js'
import { packageVersion } from '../terminal/version.js'
import { nextAttempt, OUTCOMES, RECORDINGS, RESULTS, storedPart, writeManifest, writeOutcome } from './blob.js'
import { formerPiece, keepPiece, keyOf, type PieceNames, storeOf, takePiece } from './reuse.js'
import { type SpreadRun, spreadRun } from './spread.js'

export interface ShardOptions extends RunOptions {
  readonly shard: ShardPlace
  /** The folder in which earlier runs left what they made of models. Default: every piece is done */
  readonly reuse?: string | undefined
}

/** What a shard did, and left for the merge. */
export interface ShardOutcome {
  /** The folder of this attempt. */
  readonly path: string
  readonly manifest: ShardManifest
  /** What stopped pieces, by their ids. */
  readonly failures: Readonly<Record<string, string>>
}

/** Where the shards of a run lie below its results. */
export const SHARDS = 'shards'

/**
 * Does the pieces of one shard of a run, and leaves what came out in a folder of its own below that of the results: nothing is judged. A model that fails is told of in
 * the merge, like one of a whole run. Throws one error for a wrong config; the signal's reason when aborted.
 */
export async function runShard({ shard, reuse, ...options }: ShardOptions): Promise<ShardOutcome> {
  await using opened = await openRun(options)
  const plan = await spreadRun(opened, shard.count)
  const own = plan.pieces.filter((piece) => piece.shard === shard.index)
  const tasks = [...new Set(own.map(({ model }) => plan.tasks.get(model)!))]
  await lookFirst(tasks, opened.work)
  const { cwd, progress, signal } = opened.work
  const folder = join(resolve(cwd, options.outDir ?? DEFAULT_OUT), SHARDS)
  const { path, attempt: number } = await nextAttempt(folder, shard, options.env ?? {})
  const placed = await placeModels(opened.tasks, join(path, RESULTS), progress)
  await using publication = await Publication.open(join(path, RESULTS), { owned: placed.owned, exclusive: true })
  await publication.protect(tasks.map((task) => task.path))
  const done: Omit<DonePiece, 'results'>[] = []
  const keys = await storeKeys(reuse, own, { plan, opened, placed, publication, usualBaselines: options.usualBaselines ?? false })
  const failures: Record<string, string> = {}
  const made = new PrunedModels()
  for (const [i, piece] of own.entries()) {
    signal.throwIfAborted()
    const names = { recording: `${RECORDINGS}/${i}.jsonl.gz`, outcome: `${OUTCOMES}/${i}.json` }
    const work = { ...opened.work, label: plan.tasks.get(piece.model)!.name }
    const context = {
      plan,
      piece,
      placed,
      publication,
      made,
      recording: join(path, names.recording),
      onError: options.onError,
    }
    const key = keys.get(piece)
    const former = key && (await formerPiece(key.entry, key.sha256, work))
    if (former !== undefined) {
      const { id, sha256 } = piece
      const taken = await takePiece(former, { path, names, publication }, work)
      keys.delete(piece)
      done.push({ id, sha256, ...taken, outcome: names.outcome, ...(await recordingOf(path, names)) })
      continue
    }
    const start = performance.now()
    const outcome = await doPiece(context, { ...options, work })
    if (outcome.error !== undefined) failures[piece.id] = outcome.error.message
    if (outcome.error !== undefined || outcome.pruned === undefined) keys.delete(piece)
    await writeOutcome(join(path, names.outcome), storedPart(outcome))
    const { id, sha256 } = piece
    const seconds = (performance.now() - start) / 1000
    done.push({
      ...{ id, sha256, seconds, cost: outcome.cost ?? { prune: seconds, measure: 0 }, outcome: names.outcome },
      ...(await recordingOf(path, names)),
      ...present({ pruned: outcome.pruned?.output.sha256 }),
    })
  }
  await publication.publish()
  const pieces = await Promise.all(
    done.map(async (piece, i) => ({ ...piece, results: await resultsOf(own[i]!, { plan, placed, path }) })),
  )
  const manifest = await writeManifest(path, {
    ...{ schemaVersion: 1, kind: 'pare-shard', pare: packageVersion(), run: plan.sha256, shard, attempt: number, pieces },
  })
  for (const [i, piece] of own.entries()) {
    const key = keys.get(piece)
    if (key !== undefined) await keepPiece(path, pieces[i]!, key.entry, key.sha256)
  }
  return { path, manifest, failures }
}

async function recordingOf(path: string, { recording }: PieceNames) {
  return (await isFile(join(path, recording))) ? { recording } : {}
}

interface StoreContext extends Pick<PieceContext, 'plan' | 'placed' | 'publication'> {
  readonly opened: OpenedRun
  readonly usualBaselines: boolean
}

/** Where pieces lie in the folder of earlier runs, if they do. Those that cannot be taken over are told, with the reason. */
async function storeKeys(
  reuse: string | undefined,
  own: readonly RunPiece[],
  { plan, opened, placed, publication, usualBaselines }: StoreContext,
): Promise<Map<RunPiece, { readonly entry: string; readonly sha256: string }>> {
  const keys = new Map<RunPiece, { readonly entry: string; readonly sha256: string }>()
  if (reuse === undefined) return keys
  const store = await storeOf(reuse, opened.work)
  const yields = new Map<string, Promise<string>>()
  for (const piece of own) {
    const task = plan.tasks.get(piece.model)!
    const isOne = !isFurther(task) && !opened.tasks.some(({ first }) => first === task)
    const place = { ...placed.of(task, publication), publication }
    const key = isOne
      ? await keyOf(task, place, { ...opened, usualBaselines, yields, part: piece.part })
      : { why: 'it is judged on several files of data, which a run that is not spread takes over' }
    if ('why' in key) opened.work.progress.note(`${piece.id}: not taken over, since ${key.why}`)
    else keys.set(piece, { entry: join(store, key.sha256), sha256: key.sha256 })
  }
  return keys
}

interface PieceContext {
  readonly plan: SpreadRun
  readonly piece: RunPiece
  readonly placed: PlacedModels
  readonly publication: Publication
  readonly made: PrunedModels
  readonly recording: string
  readonly onError: RunOptions['onError']
}

async function doPiece(
  { plan, piece, placed, publication, made, recording, onError }: PieceContext,
  { work, usualBaselines = false }: { readonly work: Work; readonly usualBaselines?: boolean },
): Promise<ModelOutcome> {
  const task = plan.tasks.get(piece.model)!
  const { part } = piece
  const outcome: ModelOutcome = {}
  const sharing: Sharing = { share: { ...part, recording } }
  const place: RunPlace = {
    ...placed.of(task, publication),
    publication,
    references: new Map(),
    made,
    onError,
    usualBaselines,
    sharing,
  }
  await attempt({ place, work, outcome }, async () => {
    const chosen = await chooseSmallest(made.asPruned(task, outcome), place, { work, outcome })
    if (chosen === undefined) return
    // With all samples here, everything is as in a run of one machine.
    if (part.count === 1) await examine(chosen, place, { work, outcome })
    else await examinePart(chosen, { ...place, sharing, isFirst: part.index === 1 }, { work, outcome })
  })
  made.keep(task, outcome)
  return outcome
}

/** Prunes a model, and measures it on a part of the samples. Who has the first part keeps the model, and measures what is no matter of samples. */
async function examinePart(
  task: Task,
  { isFirst, sharing, ...place }: Omit<RunPlace, 'sharing'> & { readonly isFirst: boolean; readonly sharing: Sharing },
  { work, outcome }: { readonly work: Work; readonly outcome: ModelOutcome },
): Promise<void> {
  const { evaluation } = task
  if (evaluation === undefined) throw new Error(`${task.name} has no evaluation of which this could be a part`)
  await using folder = await temporaryFolder()
  await using apart = isFirst ? undefined : await Publication.open(folder.path, { owned: [] })
  const own =
    apart === undefined
      ? place
      : { ...place, ...(await placeModels([task], folder.path, work.progress)).of(task, apart), publication: apart }
  const start = performance.now()
  const unrecovered = join(folder.path, 'unrecovered.onnx')
  const stages: StageScores[] = []
  const onMeasured = (one: StageScores) => stages.push(one)
  const asFirst = { unrecovered, onStage: measureStages(evaluation, { folder: folder.path, work, onMeasured }) }
  const pruned = await pruneModel(task, { ...own, ...(isFirst && asFirst) }, work)
  outcome.stages = stages
  outcome.pruned = pruned
  const prune = (performance.now() - start) / 1000
  if (pruned.unrecovered) outcome.unrecovered = await metricBefore(unrecovered, evaluation, work)
  const measuring = performance.now()
  const pair = { reference: task.path, pruned: pruned.staged, evaluation }
  await measurePair(pair, new Map(), work, sharing)
  outcome.cost = { prune, measure: (performance.now() - measuring) / 1000 }
  if (isFirst && evaluation.latency) outcome.latency = await relativeLatency(pair, work)
}

/** The files of a piece among those that were published, as the manifest names them. */
async function resultsOf(
  { model, part }: RunPiece,
  { plan, placed, path }: { readonly plan: SpreadRun; readonly placed: PlacedModels; readonly path: string },
): Promise<string[]> {
  const task = plan.tasks.get(model)!
  if (part.index > 1 || isFurther(task)) return []
  const output = placed.outputs.get(task)!
  const files = [...companionsOf(output), ...(output.copy === undefined ? [] : copiedFiles(output.copy))]
  const there = await Promise.all([...new Set(files)].map(async (file) => ((await isFile(file)) ? [file] : [])))
  return there.flat().map((file) =>
    file
      .slice(path.length + 1)
      .split('\\')
      .join('/'),
  )
}

import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, mkdir, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { formatDuration } from '@pare/gate'
import { present } from '@pare/onnx'
import type { DonePiece, RunPiece } from '@pare/shards'
import { type ModuleRunner, whyNotHashed } from '../engine/data-hash.js'
import type { Work } from '../engine/work.js'
import { companionsOf, type OutputFiles } from '../files/output.js'
import { isFile, isFolder, showPath } from '../files/paths.js'
import { decisiveOf } from '../lockfile/decisive.js'
import { attempt, chooseSmallest, endModel, examine, type ModelRun, type RunPlace } from '../pipeline/examine.js'
import type { ModelOutcome } from '../pipeline/facts/result.js'
import { isFurther } from '../pipeline/pruned-models.js'
import { type OpenedRun, type RunOptions, type RunOutcome, runModels } from '../pipeline/run.js'
import type { Task } from '../settings/task.js'
import { usage } from '../terminal/failure.js'
import { packageVersion } from '../terminal/version.js'
import {
  belowResults,
  damageOf,
  findShards,
  nextAttempt,
  OUTCOMES,
  RECORDINGS,
  RESULTS,
  readOutcome,
  storedPart,
  takeFile,
  writeManifest,
  writeOutcome,
} from './blob.js'
import { mergeModel, type TakenPiece } from './merge-run.js'

export interface ReuseOptions extends RunOptions {
  /** The folder in which earlier runs left what they made of models. It need not be there yet. */
  readonly reuse: string
}

/**
 * A run that takes over what an earlier one left of a model in a folder, where nothing that decides its outcome differs, and leaves there what it makes of the
 * others. What is taken over is judged anew, from what was recorded of each sample: the results are those of a run, but for times. Throws as a run does.
 */
export function runReusing({ reuse, ...options }: ReuseOptions): Promise<RunOutcome> {
  return runModels(options, async (opened) => {
    const store = await storeOf(reuse, opened.work)
    // What modules yield is asked once for all models.
    const yields = new Map<string, Promise<string>>()
    return async (task, place, work) => {
      const key = await keyOf(task, place, { ...opened, usualBaselines: options.usualBaselines ?? false, yields })
      if ('why' in key) work.progress.note(`${task.name}: not taken over, since ${key.why}`)
      const former = 'why' in key ? undefined : await formerPiece(join(store, key.sha256), key.sha256, work)
      if (former !== undefined) return await takeOver(task, { ...former, place }, work)
      return await runAnew(task, { place, ...('why' in key ? {} : { entry: join(store, key.sha256), sha256: key.sha256 }) }, work)
    }
  })
}

/** The folder of what earlier runs left. Throws a Failure where it is a file. */
export async function storeOf(reuse: string, { cwd }: Pick<Work, 'cwd'>): Promise<string> {
  const store = resolve(cwd, reuse)
  if ((await stat(store).catch(() => undefined))?.isDirectory() === false)
    throw usage(
      `pare run: --reuse ${reuse} is a file; a folder was expected.`,
      'name a folder, such as --reuse .pare; it need not be there yet',
    )
  return store
}

type PieceKey = { readonly sha256: string } | { readonly why: string }

/** The hash of everything that decides what is made of a model and where its files go, or the end of a sentence on why there is none. A part of its samples has a hash of its own. */
export async function keyOf(
  task: Task,
  { output, publication }: Pick<RunPlace, 'output' | 'publication'>,
  {
    engine,
    work,
    usualBaselines,
    yields,
    part = { index: 1, count: 1 },
  }: Pick<OpenedRun, 'engine' | 'work'> &
    Pick<ModuleRunner, 'yields'> & { readonly usualBaselines: boolean; readonly part?: RunPiece['part'] },
): Promise<PieceKey> {
  if (task.folder !== undefined) return { why: 'models of one folder are written together' }
  const decisive = await decisiveOf(withoutGate(task), engine, { ...work, engine, yields })
  const unknown = Object.entries(decisive).find(([, hash]) => whyNotHashed(hash) !== undefined)
  if (unknown !== undefined)
    return { why: `nothing tells whether this is as it was: ${unknown[0]} (${whyNotHashed(unknown[1])})` }
  const parts = [
    ...[1, task.name, Object.entries(decisive).sort(([a], [b]) => (a < b ? -1 : 1)), usualBaselines, task.baselines ?? null],
    ...[engine.device ?? null, process.platform, process.arch, task.evaluation?.latency ?? null],
    companionsOf(output).map((file) => below(publication.folder, file)),
    ...(part.count > 1 ? [part] : []),
  ]
  return { sha256: createHash('sha256').update(JSON.stringify(parts)).digest('hex') }
}

/** What is taken over is judged anew, so limits decide nothing, but for a search that keeps to them. */
function withoutGate(task: Task): Task {
  if (task.smallest !== undefined) return task
  const { gate: _, overrides, ...source } = task.source
  const { gate: __, ...others } = overrides
  return { ...task, source: { ...source, gate: undefined, overrides: others } }
}

const below = (folder: string, file: string) => relative(folder, file).split(sep).join('/')

export interface FormerPiece {
  readonly piece: DonePiece
  readonly shard: TakenPiece['shard']
}

/** What an earlier run left under this hash, whole. What is damaged is told, and made again. */
export async function formerPiece(entry: string, sha256: string, { progress, cwd }: Work): Promise<FormerPiece | undefined> {
  if (!(await isFolder(entry))) return undefined
  const { manifests, problems } = await findShards(entry, cwd)
  for (const shard of manifests) {
    const piece = shard.manifest.pieces.find((each) => each.sha256 === sha256)
    const damage = await damageOf(shard)
    if (piece !== undefined && damage === undefined) return { piece, shard }
    progress.note(`warning: it is made again: ${damage ?? `${shard.name} does not hold it.`}`)
  }
  for (const problem of problems) progress.note(`warning: it is made again: ${problem}`)
  return undefined
}

async function takeOver(
  task: Task,
  { piece, shard, place }: FormerPiece & { readonly place: RunPlace },
  work: Work,
): Promise<ModelRun> {
  const outcome: ModelOutcome = present({ repeated: place.repeated })
  const planned: RunPiece = {
    ...{ id: piece.id, model: task.name, part: { index: 1, count: 1 } },
    ...{ sha256: piece.sha256, seconds: piece.seconds, shard: 1 },
  }
  const at = showPath(shard.path, work.cwd)
  work.progress.note(`${task.name}: taken over from ${at}, made in ${formatDuration(piece.seconds * 1000)}`)
  await attempt({ place, work, outcome }, async () => {
    const own = place.made.asPruned(task, outcome)
    await mergeModel(own, { parts: [{ planned, piece, shard }], place }, { work, outcome })
  })
  place.made.keep(task, outcome)
  outcome.reuse = { path: at, seconds: piece.seconds }
  await touch(shard)
  return await endModel(task, { outcome, durationMs: Math.round(piece.seconds * 1000) }, work)
}

/** Whoever clears the folder sees what is still of use. */
async function touch(shard: FormerPiece['shard']): Promise<void> {
  const now = new Date()
  await utimes(dirname(dirname(shard.path)), now, now).catch(() => undefined)
}

/** Gives a shard the files of a piece as an earlier run left them, under the names that it has for them. Its outcome says so. */
export async function takePiece(
  { piece, shard }: FormerPiece,
  {
    path,
    names,
    publication,
  }: { readonly path: string; readonly names: PieceNames; readonly publication: RunPlace['publication'] },
  { cwd, progress, label }: Work,
): Promise<Pick<DonePiece, 'seconds' | 'cost' | 'pruned'>> {
  if (piece.outcome === undefined) throw new Error(`${shard.name} has no outcome of ${piece.id}`)
  const at = showPath(shard.path, cwd)
  progress.note(`${label}: taken over from ${at}, made in ${formatDuration(piece.seconds * 1000)}`)
  const outcome = join(path, names.outcome)
  await takeFile(shard, piece.outcome, outcome)
  await writeOutcome(outcome, { ...(await readOutcome(outcome, shard.name)), reuse: { path: at, seconds: piece.seconds } })
  if (piece.recording !== undefined) await takeFile(shard, piece.recording, join(path, names.recording))
  for (const file of piece.results)
    await takeFile(shard, file, await publication.staged(join(publication.folder, ...belowResults(file))))
  await touch(shard)
  const { seconds, cost, pruned } = piece
  return { seconds, cost, ...present({ pruned }) }
}

/** Of the files of a piece in its shard, with forward slashes. */
export interface PieceNames {
  readonly outcome: string
  readonly recording: string
}

/** Leaves what a shard made of a piece for later runs. */
export async function keepPiece(path: string, piece: DonePiece, entry: string, sha256: string): Promise<void> {
  const kept = await nextAttempt(entry, { index: 1, count: 1 }, {})
  for (const file of [piece.outcome, piece.recording, ...piece.results]) {
    if (file === undefined) continue
    const [from, to] = [path, kept.path].map((folder) => join(folder, ...file.split('/'))) as [string, string]
    await mkdir(dirname(to), { recursive: true })
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  }
  await writeManifest(kept.path, {
    ...{ schemaVersion: 1, kind: 'pare-shard', pare: packageVersion(), run: sha256 },
    ...{ shard: { index: 1, count: 1 }, attempt: kept.attempt, pieces: [{ ...piece, sha256 }] },
  })
}

async function runAnew(
  task: Task,
  { place, entry, sha256 }: { readonly place: RunPlace; readonly entry?: string; readonly sha256?: string },
  work: Work,
): Promise<ModelRun> {
  const start = performance.now()
  const outcome: ModelOutcome = present({ repeated: place.repeated })
  const kept = entry === undefined ? undefined : await nextAttempt(entry, { index: 1, count: 1 }, {})
  const recording = `${RECORDINGS}/0.jsonl.gz`
  const sharing = kept && { share: { index: 1, count: 1, recording: join(kept.path, recording) } }
  await attempt({ place, work, outcome }, async () => {
    const own = place.made.asPruned(task, outcome)
    const chosen = await chooseSmallest(own, place, { work, outcome })
    if (chosen !== undefined) await examine(chosen, { ...place, ...present({ sharing }) }, { work, outcome })
  })
  place.made.keep(task, outcome)
  const seconds = (performance.now() - start) / 1000
  if (kept !== undefined) {
    if (outcome.error !== undefined || outcome.pruned === undefined) await rm(kept.path, { recursive: true, force: true })
    else {
      const results = isFurther(task) ? [] : await copyResults(place, kept.path)
      const names = { recording, outcome: `${OUTCOMES}/0.json` }
      await writeOutcome(join(kept.path, names.outcome), storedPart(outcome))
      const piece: DonePiece = {
        ...{ id: task.name, sha256: sha256!, seconds, cost: outcome.cost ?? { prune: seconds, measure: 0 } },
        ...{ outcome: names.outcome, results, pruned: outcome.pruned.output.sha256 },
        ...((await isFile(join(kept.path, recording))) && { recording }),
      }
      await writeManifest(kept.path, {
        ...{ schemaVersion: 1, kind: 'pare-shard', pare: packageVersion(), run: sha256! },
        ...{ shard: { index: 1, count: 1 }, attempt: kept.attempt, pieces: [piece] },
      })
    }
  }
  return await endModel(task, { outcome, durationMs: Math.round(seconds * 1000) }, work)
}

/** Copies what was staged of a model, and gives the paths as a manifest names them. */
async function copyResults(
  { output, publication }: { readonly output: OutputFiles; readonly publication: RunPlace['publication'] },
  path: string,
): Promise<string[]> {
  const results: string[] = []
  for (const file of companionsOf(output)) {
    const staged = await publication.staged(file)
    if (!(await isFile(staged))) continue
    const name = `${RESULTS}/${below(publication.folder, file)}`
    await mkdir(dirname(join(path, name)), { recursive: true })
    await copyFile(staged, join(path, name), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    results.push(name)
  }
  return results
}

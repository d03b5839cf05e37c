import { join, resolve } from 'node:path'
import { present, writeWhole } from '@pare/onnx'
import type { RunResults } from '@pare/report'
import type { Engine, Work } from '../engine/work.js'
import { assignOutputs, BADGE, companionsOf, masksPath, type OutputFiles } from '../files/output.js'
import { showPath } from '../files/paths.js'
import { Publication } from '../files/publication.js'
import { FolderCopy, refuseForeign } from '../folder/folder-copy.js'
import { Ledger, type LockOptions } from '../lockfile/ledger.js'
import type { Config, Overrides } from '../options/config.js'
import type { Task } from '../settings/task.js'
import { readTasks, type TaskOptions } from '../settings/tasks.js'
import { toJson } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { type Progress, silence } from '../terminal/progress.js'
import { type ModelRun, type RunPlace, runModel } from './examine.js'
import { environmentOf } from './facts/environment.js'
import { repeatedSamples } from './facts/repeated-samples.js'
import { type SourceVariables, sourceOf } from './facts/source.js'
import { doubtsOf, lookFirst } from './first-look.js'
import type { ReferenceScores } from './measure.js'
import { isFurther, PrunedModels } from './pruned-models.js'

export interface RunOptions {
  /** A config file, or the config itself. Default: the nearest `pare.config.*` upwards from `cwd`; none is needed where `overrides` name a model. */
  readonly config?: string | Config
  /** Win over the config. */
  readonly overrides?: Overrides
  /** Where paths start. Default: the process's. */
  readonly cwd?: string
  /** Default: './pare-out'. */
  readonly outDir?: string
  /** Whether code of the checkout may be run: configs in TypeScript and JavaScript, third-party plugins, data modules. Default: true. */
  readonly trusted?: boolean
  /** The checkout: where it is not trusted, files that it names must lie in it, behind all links. Default: `cwd` */
  readonly workspace?: string
  /** The command that asks, as messages name it. Default: 'run' */
  readonly asked?: TaskOptions['asked']
  /** Options and config win over where it computes. */
  readonly engine?: Engine
  readonly progress?: Progress
  readonly signal?: AbortSignal
  /** The environment, for what a workflow says of commit and run. Default: nothing */
  readonly env?: SourceVariables
  /** Whether the unpruned model in fewer bits is measured unasked, where that is cheap. Default: only where it is asked for */
  readonly usualBaselines?: boolean
  /** Whether badge.json is written beside the results. Default: false */
  readonly badge?: boolean
  /** What is done with lock files. Default: nothing */
  readonly lock?: LockOptions
  /** Called with each model's result as soon as it is known. */
  readonly onResult?: (result: RunResults['models'][number]) => void
  /** Called with what stopped a model, stack and all; the result has its message. */
  readonly onError?: (model: string, error: unknown) => void
}

export interface RunOutcome {
  /** What `results.json` holds. */
  readonly results: RunResults
  /** 0 pass, 1 fail, 3 incomplete, 4 something untrusted was refused. */
  readonly exitCode: number
  /** Absolute paths. */
  readonly files: { readonly results: string; readonly report: string; readonly summary: string }
}

/**
 * All models of a config: prune, measure, gate, report. What is in the folder is replaced once all is known, together: until then, and when
 * it is stopped, the results of an earlier run stay as they are. Throws one error for a wrong config, and where another run is writing to
 * the same folder; the signal's reason when aborted.
 */
export function run(options: RunOptions = {}): Promise<RunOutcome> {
  return runModels(options, async () => runModel)
}

/** A run whose config is read and whose lock files are open. Nothing is looked at or written yet, but what its tasks were joined to, which goes when this is disposed of. */
export interface OpenedRun extends AsyncDisposable {
  readonly tasks: readonly Task[]
  readonly engine: Engine
  /** Absolute path of the config. Absent: there is none, or it is no file. */
  readonly config?: string
  readonly ledger: Ledger
  /** Outcomes that are known already, and wanted so. */
  readonly carried: ReadonlyMap<Task, RunResults['models'][number]>
  /** The same for the work on all models. */
  readonly work: Omit<Work, 'label'>
}

export async function openRun(options: RunOptions): Promise<OpenedRun> {
  const { cwd = process.cwd(), overrides = {}, trusted = true, progress = silence } = options
  const { signal = new AbortController().signal, config, workspace = cwd, asked } = options
  const read = await readTasks({ cwd, overrides, trusted, config, workspace, asked })
  const { tasks, engine: choice, config: file, [Symbol.asyncDispose]: dispose } = read
  if (file !== undefined)
    progress.note(`config: ${showPath(file, cwd)}${overrides.models === undefined ? '' : ', for the models that are named'}`)
  const engine = { ...options.engine, ...choice }
  const ledger = await Ledger.open({ isWhole: overrides.models === undefined, ...options.lock }, { cwd, engine })
  const carried = new Map<Task, RunResults['models'][number]>()
  for (const task of tasks) {
    const former = await ledger.begin(task, { signal, progress })
    if (former !== undefined) carried.set(task, former)
  }
  for (let more = needed(tasks, carried); more.length > 0; more = needed(tasks, carried))
    for (const task of more) carried.delete(task)
  const work = { signal, progress, engine, cwd, workspace: trusted ? undefined : workspace }
  return { tasks, engine, ledger, carried, work, ...present({ config: file }), [Symbol.asyncDispose]: dispose }
}

/** What is carried forward writes no file, and a decoder is measured with its encoder's, a further evaluation with the model of the first. */
function needed(tasks: readonly Task[], carried: ReadonlyMap<Task, unknown>): readonly Task[] {
  const open = tasks.filter((task) => !carried.has(task))
  return [...carried.keys()].filter((task) =>
    open.some((each) => (isAsOne(task) && each.folder === task.folder) || each.first === task),
  )
}

/** Whether a model is measured as one with its encoder or decoder. */
function isAsOne({ evaluation }: Task): boolean {
  return evaluation?.partner !== undefined
}

/** Brings one model to its end. */
export type ModelRunner = (task: Task, place: RunPlace, work: Work) => Promise<ModelRun>

/** A run in which `start` says how each model is brought to its end. */
export async function runModels(options: RunOptions, start: (opened: OpenedRun) => Promise<ModelRunner>): Promise<RunOutcome> {
  const { onError, onResult, usualBaselines = false } = options
  const started = Date.now()
  await using opened = await openRun(options)
  const { tasks, ledger, carried, work, engine, config } = opened
  const { cwd, progress, signal } = work
  const looks = await lookFirst(tasks, work)
  for (const { task, doubt } of looks.flatMap((each) => doubtsOf(each).map((doubt) => ({ ...each, doubt }))))
    progress.note(`warning: ${task.name}, before anything is pruned: ${doubt}`)
  const repeated = await repeatedSamples(looks)
  for (const [{ name }, sentences] of repeated) for (const sentence of sentences) progress.note(`warning: ${name}: ${sentence}`)
  const runner = await start(opened)
  const folder = resolve(cwd, options.outDir ?? DEFAULT_OUT)
  const placed = await placeModels(tasks, folder, progress)
  await using publication = await Publication.open(folder, { owned: placed.owned, exclusive: true })
  await publication.protect(tasks.flatMap(({ path, pair }) => pair?.files ?? [path]))
  const references: ReferenceScores = new Map()
  const made = new PrunedModels()
  const runs: ModelRun[] = []
  for (const task of tasks) {
    const base = ledger.baseOf(task)
    const place: RunPlace = {
      ...{ ...placed.of(task, publication), publication, references, made, onError, usualBaselines },
      ...present({ base, repeated: repeated.get(task) }),
    }
    const former = carried.get(task)
    const outcome = former === undefined ? await runner(task, place, { ...work, label: task.name }) : { result: former }
    const result = { ...outcome.result, ...present({ named: task.at }) }
    runs.push({ ...outcome, result })
    ledger.end(task, outcome)
    onResult?.(result)
  }
  const results: RunResults = {
    schemaVersion: 1,
    command: 'run',
    verdict: worst(runs),
    models: runs.map(({ result }) => result),
    ...present({ against: ledger.against() }),
    ...present({ source: sourceOf(options.env ?? {}, { config, cwd }) }),
    environment: environmentOf(runs.find((each) => each.onnxruntime !== undefined)?.onnxruntime, engine),
    durationMs: Date.now() - started,
  }
  const files = await writeReports(results, publication, options)
  signal.throwIfAborted()
  await publication.publish()
  await ledger.write()
  return { results, exitCode: exitCodeOf(results), files }
}

/** Where the results of a run go. */
export const DEFAULT_OUT = 'pare-out'

/** The places of all models below a folder, which is not made yet. */
export interface PlacedModels {
  /** Every file that may be written. */
  readonly owned: readonly string[]
  readonly outputs: ReadonlyMap<Task, OutputFiles>
  of(task: Task, publication: Publication): Pick<RunPlace, 'output' | 'copy' | 'masks'>
}

export async function placeModels(tasks: readonly Task[], folder: string, progress: Progress): Promise<PlacedModels> {
  const firsts = tasks.filter((task) => !isFurther(task))
  const assigned = await assignOutputs(firsts, folder)
  const own = new Map(firsts.map((task, i) => [task, assigned[i]!]))
  const outputs = new Map(tasks.map((task) => [task, own.get(task.first ?? task)!]))
  for (const copy of new Set(assigned.flatMap(({ copy }) => copy ?? []))) await refuseForeign(copy)
  const copies = new Map(assigned.flatMap(({ copy }) => (copy === undefined ? [] : [[copy, new FolderCopy(copy)] as const])))
  for (const { folder } of copies.keys()) progress.note(`model: ${folder.choice}`)
  return {
    ...{ owned: assigned.flatMap(companionsOf), outputs },
    of(task, publication) {
      const output = outputs.get(task)!
      if (isFurther(task)) return { output, copy: undefined }
      const masks = task.masks && { path: masksPath(output.plan, task.masks), publication }
      return { output, copy: output.copy && copies.get(output.copy), ...present({ masks }) }
    },
  }
}

function worst(runs: readonly ModelRun[]): RunResults['verdict'] {
  const verdicts = new Set(runs.map(({ result }) => result.verdict))
  if (verdicts.has('fail')) return 'fail'
  return verdicts.has('incomplete') || runs.length === 0 ? 'incomplete' : 'pass'
}

function exitCodeOf({ verdict, models }: RunResults): number {
  if (models.some(({ error }) => error?.kind === 'untrusted')) return EXIT.untrusted
  switch (verdict) {
    case 'pass':
      return EXIT.pass
    case 'fail':
      return EXIT.fail
    case 'incomplete':
      return EXIT.infrastructure
    default:
      return verdict satisfies never
  }
}

async function writeReports(
  results: RunResults,
  publication: Publication,
  { badge = false }: Pick<RunOptions, 'badge'>,
): Promise<RunOutcome['files']> {
  const { badgeOf, renderHtml, renderSummary } = await import('@pare/report')
  const files = {
    results: join(publication.folder, 'results.json'),
    report: join(publication.folder, 'report.html'),
    summary: join(publication.folder, 'summary.md'),
  }
  await writeWhole(await publication.staged(files.results), `${toJson(results)}\n`)
  await writeWhole(await publication.staged(files.report), renderHtml(results))
  await writeWhole(await publication.staged(files.summary), renderSummary(results))
  if (badge) await writeWhole(await publication.staged(join(publication.folder, BADGE)), `${toJson(badgeOf(results))}\n`)
  return files
}

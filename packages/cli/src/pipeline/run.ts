import { join, resolve } from 'node:path'
import { writeWhole } from '@pare/onnx'
import type { RunResults } from '@pare/report'
import type { Engine } from '../engine/work.js'
import { assignOutputs, companionsOf } from '../files/output.js'
import { Publication } from '../files/publication.js'
import type { Config } from '../settings/config.js'
import type { Overrides } from '../settings/settings.js'
import { readTasks } from '../settings/tasks.js'
import { toJson } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { type Progress, silence } from '../terminal/progress.js'
import { environmentOf } from './environment.js'
import { type ModelRun, runModel } from './run-model.js'

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
  /** Options and config win over where it computes. */
  readonly engine?: Engine
  readonly progress?: Progress
  readonly signal?: AbortSignal
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
export async function run(options: RunOptions = {}): Promise<RunOutcome> {
  const { cwd = process.cwd(), overrides = {}, trusted = true, progress = silence, onResult, onError } = options
  const signal = options.signal ?? new AbortController().signal
  const start = Date.now()
  const { tasks, seed, ...told } = await readTasks({
    cwd,
    overrides,
    trusted,
    ...(options.config !== undefined && { config: options.config }),
    ...(options.workspace !== undefined && { workspace: options.workspace }),
  })
  const engine = { ...options.engine, ...told }
  const folder = resolve(cwd, options.outDir ?? 'pare-out')
  const outputs = await assignOutputs(tasks, folder)
  await using publication = await Publication.open(folder, { owned: outputs.flatMap(companionsOf), exclusive: true })
  await publication.protect(tasks.map(({ path }) => path))
  const runs: ModelRun[] = []
  const known = new Map()
  for (const [index, task] of tasks.entries()) {
    const done = await runModel(task, {
      seed,
      output: outputs[index]!,
      publication,
      cwd,
      workspace: trusted ? undefined : (options.workspace ?? cwd),
      known,
      signal,
      progress,
      label: task.name,
      engine,
      onError,
    })
    runs.push(done)
    onResult?.(done.result)
  }
  const results: RunResults = {
    schemaVersion: 1,
    command: 'run',
    verdict: worst(runs),
    models: runs.map(({ result }) => result),
    environment: environmentOf(runs, engine),
    durationMs: Date.now() - start,
  }
  const files = await writeReports(results, publication)
  signal.throwIfAborted()
  await publication.publish()
  return { results, exitCode: exitCodeOf(results), files }
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

async function writeReports(results: RunResults, publication: Publication): Promise<RunOutcome['files']> {
  const { renderHtml, renderSummary } = await import('@pare/report')
  const files = {
    results: join(publication.folder, 'results.json'),
    report: join(publication.folder, 'report.html'),
    summary: join(publication.folder, 'summary.md'),
  }
  await writeWhole(await publication.staged(files.results), `${toJson(results)}\n`)
  await writeWhole(await publication.staged(files.report), renderHtml(results))
  await writeWhole(await publication.staged(files.summary), renderSummary(results))
  return files
}

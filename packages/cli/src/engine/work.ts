import type { ChildOptions, Provider } from '@pare/evaluate'
import { present } from '@pare/onnx'
import type { RetrainChildOptions } from '@pare/retrain'
import type { DeviceChoice, EngineChoice } from '../options/config.js'
import type { Context } from '../terminal/context.js'
import type { Progress } from '../terminal/progress.js'

/** The same for everything that is done to a model: where it runs, how it is told of and stopped. */
export interface Work {
  readonly signal: AbortSignal
  readonly progress: Progress
  /** What progress and the plan call the model. */
  readonly label: string
  readonly engine: Engine
  /** Paths in messages start here. */
  readonly cwd: string
  /** Of a checkout that is not trusted: nothing outside of it is read for it. Undefined: files may be anywhere */
  readonly workspace: string | undefined
}

/** What runs models. Paths are for bundles and actions; the installed packages need none. */
export interface Engine {
  /** Entries of the child processes. */
  readonly evaluateChild?: URL
  readonly retrainChild?: URL
  /** Does jobs of models in this process, in tests. Default: child processes do */
  readonly work?: ChildOptions['work']
  /** Absolute path of an onnxruntime-node package. */
  readonly onnxruntime?: string
  /** Called with a sentence for the user where ONNX Runtime must be fetched first. Default: nobody is told. */
  readonly onFetch?: (what: string) => void
  /** Where ONNX Runtime computes. Default: 'cpu' */
  readonly provider?: Provider
  /** Where it is decided what goes. Default: 'cpu' */
  readonly device?: DeviceChoice
  /** That run models in evaluations, where neither config nor options say. Default: all cores */
  readonly threads?: number
}

/** The engine of a command, as its options choose it: what it must fetch, the user is told. */
export function engineOf({ progress, io }: Pick<Context, 'progress' | 'io'>, choice: EngineChoice): Engine {
  const threads = Number(io.env[WORKER_THREADS] ?? 0)
  return { onFetch: progress.note, ...choice, ...present({ work: io.work }), ...(threads > 0 && { threads }) }
}

/** The variable that tells each of several processes of one run how many threads are its own. */
export const WORKER_THREADS = 'PARE_WORKER_THREADS'

/** The work of a command on one model. */
export function workOn({ name }: { readonly name: string }, choice: EngineChoice, context: Context): Work {
  const { io, progress } = context
  return { signal: io.signal, progress, label: name, engine: engineOf(context, choice), cwd: io.cwd, workspace: undefined }
}

/** The engine as `@pare/evaluate` takes it. */
export function childOf({
  evaluateChild,
  work,
  onnxruntime,
  onFetch,
  provider,
}: Engine): Pick<ChildOptions, 'child' | 'work' | 'onnxruntime' | 'onFetch' | 'provider'> {
  return present({ child: evaluateChild, work, onnxruntime, onFetch, provider })
}

/** What lets a child process import data modules in TypeScript, where there are any. */
export function loaderFor(files: readonly string[]): Pick<ChildOptions, 'loader'> {
  return files.some((path) => /\.[cm]?ts$/.test(path)) ? { loader: import.meta.resolve('jiti/register') } : {}
}

/** The engine as `@pare/retrain` takes it. */
export function trainerOf({
  retrainChild,
  onnxruntime,
  onFetch,
  provider,
}: Engine): Pick<RetrainChildOptions, 'child' | 'onnxruntime' | 'onFetch' | 'provider'> {
  return present({ child: retrainChild, onnxruntime, onFetch, provider })
}

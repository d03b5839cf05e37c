import type { ChildOptions, Provider } from '@pare/evaluate'
import type { RetrainChildOptions } from '@pare/retrain'
import { present } from '../settings/settings.js'
import type { Progress } from '../terminal/progress.js'
import type { DeviceChoice } from './device.js'

/** How work is told of and stopped. */
export interface Work {
  readonly signal: AbortSignal
  readonly progress: Progress
  /** What progress and the plan call the model. */
  readonly label: string
}

/** What runs models. Paths are for bundles and actions; the installed packages need none. */
export interface Engine {
  /** Entries of the child processes. */
  readonly evaluateChild?: URL
  readonly retrainChild?: URL
  /** Absolute path of an onnxruntime-node package. */
  readonly onnxruntime?: string
  /** Called with a sentence for the user where ONNX Runtime must be fetched first. Default: nobody is told. */
  readonly onFetch?: (what: string) => void
  /** Where ONNX Runtime computes. Default: 'cpu' */
  readonly provider?: Provider
  /** Where it is decided what goes. Default: 'cpu' */
  readonly device?: DeviceChoice
}

/** The engine of a command, as its options choose it: what it must fetch, the user is told. */
export function engineOf(
  { progress }: { readonly progress: Progress },
  chosen: Pick<Loose<Engine>, 'provider' | 'device'>,
): Engine {
  return { onFetch: progress.note, ...present(chosen) }
}

/** Options that were not given are undefined. */
type Loose<Fields> = { readonly [Key in keyof Fields]?: Fields[Key] | undefined }

/** The engine as `@pare/evaluate` takes it. */
export function childOf({
  evaluateChild,
  onnxruntime,
  onFetch,
  provider,
}: Engine): Pick<ChildOptions, 'child' | 'onnxruntime' | 'onFetch' | 'provider'> {
  return present({ child: evaluateChild, onnxruntime, onFetch, provider })
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
